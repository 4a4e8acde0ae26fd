#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/layers.hpp"

namespace corps::startup {
namespace {

constexpr std::size_t columns = 7;
using Row = std::array<std::string, columns>;

std::string shown_value(Loaded const& loaded, Key const& key) {
  return key.kind == Kind::table ? "{}" : show(key, key.read(loaded.settings));
}

std::string or_dash(std::string_view text) { return text.empty() ? "-" : printable(text); }

std::string joined(detail::ConfigItem const& item, auto const& show_one) {
  std::string text;
  for (auto const& value : item.values) text += (text.empty() ? "" : ", ") + show_one(value);
  return item.is_list ? "[" + text + "]" : text;
}

std::string render_table(Loaded const& loaded) {
  std::vector<Row> rows{{"KEY", "VALUE", "SOURCE", "DEFAULT", "RANGE", "UNIT", "MEANING"}};
  for (std::size_t i = 0; i < keys().size(); ++i) {
    auto const& key = keys()[i];
    rows.push_back({std::string{key.name}, or_dash(shown_value(loaded, key)), loaded.sources[i], or_dash(show_default(key)),
                    show_range(key), or_dash(unit_of(key)), std::string{key.meaning}});
  }
  for (auto const& item : loaded.config.data().items) {
    auto const value = joined(
        item, [&](std::string const& one) { return item.kind == detail::ConfigKind::text ? json_string(one) : printable(one); });
    rows.push_back({fmt::format("{}.{}", args_key, item.key), value, item.source, "-", "any", "-", "Key of the application."});
  }
  for (auto const& item : loaded.hosts) {
    auto const value = joined(item, [](std::string const& one) { return printable(one); });
    rows.push_back(
        {item.key, value, item.source, "-", "any", "-", meaning_of_host_key(item.key.substr(item.key.rfind('.') + 1))});
  }
  std::array<std::size_t, columns> widths{};
  for (auto const& row : rows) {
    for (std::size_t i = 0; i + 1 < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (auto const& row : rows) {
    for (std::size_t i = 0; i + 1 < columns; ++i) text += fmt::format("{:<{}}  ", row[i], widths[i]);
    text += row.back() + '\n';
  }
  return text;
}

std::string json_argument(detail::ConfigItem const& item) {
  return joined(item, [&](std::string const& one) {
    // JSON has no inf and no nan.
    bool const is_plain = item.kind == detail::ConfigKind::boolean || item.kind == detail::ConfigKind::integer ||
                          (item.kind == detail::ConfigKind::real && std::isfinite(std::strtod(one.c_str(), nullptr)));
    return is_plain ? one : json_string(one);
  });
}

std::string render_json(Loaded const& loaded) {
  std::vector<std::string> objects;
  for (std::size_t i = 0; i < keys().size(); ++i) {
    auto const& key = keys()[i];
    if (key.kind == Kind::table) continue;
    auto const value = key.read(loaded.settings);
    bool const is_number = key.kind == Kind::count || (key.kind == Kind::count_or_auto && value.number > 0);
    objects.push_back(
        fmt::format(R"({{"key": {}, "value": {}, "source": {}, "default": {}, "range": {}, "unit": {}, "meaning": {}}})",
                    json_string(key.name), is_number ? std::to_string(value.number) : json_string(show(key, value)),
                    json_string(loaded.sources[i]), json_string(show_default(key)), json_string(show_range(key)),
                    json_string(unit_of(key)), json_string(key.meaning)));
  }
  for (auto const& item : loaded.hosts)
    objects.push_back(fmt::format(R"({{"key": {}, "value": {}, "source": {}}})", json_string(item.key), json_argument(item),
                                  json_string(item.source)));
  for (auto const& item : loaded.config.data().items) {
    objects.push_back(fmt::format(R"({{"key": {}, "value": {}, "source": {}}})",
                                  json_string(fmt::format("{}.{}", args_key, item.key)), json_argument(item),
                                  json_string(item.source)));
  }
  return fmt::format("[\n  {}\n]\n", fmt::join(objects, ",\n  "));
}

}  // namespace

std::string render_config(Loaded const& loaded, bool json) { return json ? render_json(loaded) : render_table(loaded); }

int print_config(Loaded const& loaded, bool json) {
  auto const text = render_config(loaded, json);
  bool const written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? 0 : 1;
}

}  // namespace corps::startup

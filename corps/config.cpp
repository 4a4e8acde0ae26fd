#include "corps/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "corps/error.hpp"

namespace corps {
namespace {

using detail::ConfigItem;
using detail::ConfigKind;

/// "app.toml:7: corps.args.depth" and what is wrong with it.
ConfigError wrong(ConfigItem const& item, std::string_view what) {
  return ConfigError{fmt::format("{}: corps.args.{} {}", item.source, item.key, what)};
}

std::string_view describe(ConfigItem const& item) {
  if (item.is_list) return "a list";
  switch (item.kind) {
    case ConfigKind::boolean: return "a boolean";
    case ConfigKind::integer: return "an integer";
    case ConfigKind::real: return "a real number";
    case ConfigKind::text: return "text";
  }
  return "of an unknown kind";
}

ConfigError wrong_type(ConfigItem const& item, std::string_view wanted) {
  return wrong(item, fmt::format("is {}, but the application wants {}", describe(item), wanted));
}

/// The items came through the wire, so they are read with the same care as any outside bytes.
template <class Number>
Number parse(ConfigItem const& item, std::string const& text, std::string_view wanted) {
  Number number{};
  auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size()) throw wrong_type(item, wanted);
  return number;
}

bool is_one(ConfigItem const& item, ConfigKind kind) { return !item.is_list && item.kind == kind && item.values.size() == 1; }

bool is_list_of(ConfigItem const& item, ConfigKind kind) { return item.is_list && (item.kind == kind || item.values.empty()); }

}  // namespace

Config::Config() : Config(detail::ConfigData{}) {}

Config::Config(detail::ConfigData data) : data_(std::make_shared<detail::ConfigData const>(std::move(data))) {}

ConfigItem const* Config::find(std::string_view key) const noexcept {
  auto const& items = data_->items;
  auto const found = std::find_if(items.begin(), items.end(), [&](ConfigItem const& item) { return item.key == key; });
  return found == items.end() ? nullptr : &*found;
}

ConfigItem const& Config::need(std::string_view key) const {
  if (auto const* item = find(key)) return *item;
  throw ConfigError{fmt::format("{}: corps.args.{} is missing; set it there or with --set args.{}=VALUE",
                                data_->origin.empty() ? "config" : data_->origin, key, key)};
}

bool Config::as_bool(ConfigItem const& item) {
  if (!is_one(item, ConfigKind::boolean)) throw wrong_type(item, "true or false");
  return item.values.front() == "true";
}

std::int64_t Config::as_integer(ConfigItem const& item, std::int64_t min, std::int64_t max) {
  constexpr std::string_view wanted = "a whole number";
  if (!is_one(item, ConfigKind::integer)) throw wrong_type(item, wanted);
  auto const number = parse<std::int64_t>(item, item.values.front(), wanted);
  if (number < min || number > max) throw wrong(item, fmt::format("is {}; allowed is {} to {}", number, min, max));
  return number;
}

double Config::as_double(ConfigItem const& item) {
  constexpr std::string_view wanted = "a number";
  if (!is_one(item, ConfigKind::real) && !is_one(item, ConfigKind::integer)) throw wrong_type(item, wanted);
  return parse<double>(item, item.values.front(), wanted);
}

std::string Config::as_text(ConfigItem const& item) {
  // On a command line nobody quotes: there `--set args.year=2024` is good for a text too.
  if (!item.is_list && !item.written.empty() && item.kind != ConfigKind::text) return item.written;
  if (!is_one(item, ConfigKind::text)) throw wrong_type(item, "text in quotes");
  return item.values.front();
}

std::vector<std::string> Config::as_texts(ConfigItem const& item) {
  if (!is_list_of(item, ConfigKind::text)) throw wrong_type(item, "a list of texts");
  return item.values;
}

std::vector<std::int64_t> Config::as_integers(ConfigItem const& item) {
  constexpr std::string_view wanted = "a list of whole numbers";
  if (!is_list_of(item, ConfigKind::integer)) throw wrong_type(item, wanted);
  std::vector<std::int64_t> numbers;
  for (auto const& value : item.values) numbers.push_back(parse<std::int64_t>(item, value, wanted));
  return numbers;
}

}  // namespace corps

#include "env/boot/internal/layers.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>

#include "corps/error.hpp"
#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/units.hpp"

namespace corps::startup {
namespace {

constexpr std::size_t option_key_bytes_max = 256;
constexpr std::string_view environment_prefix = "CORPS_";
constexpr std::string_view args_prefix = "corps.args.";
constexpr std::string_view corps_prefix = "corps.";
constexpr std::string_view hosts_prefix = "hosts.";

/// A rule between two keys: the value of `less` is at most that of `more`.
struct Rule {
  std::string_view less;
  std::string_view more;
};

constexpr std::array rules{
    Rule{"limits.frame", "limits.message"},       Rule{"limits.frame", "limits.in_flight_per_link"},
    Rule{"limits.handshake", "limits.boot"},      Rule{"limits.handshake", "limits.link_resume"},
    Rule{"net.heartbeat", "limits.link_silence"},
};

[[noreturn]] void fail(std::string_view place, std::string_view what) { throw ConfigError{fmt::format("{}: {}", place, what)}; }

std::size_t index_of(Key const& key) noexcept { return static_cast<std::size_t>(&key - keys().data()); }

bool is_below(std::string_view name, std::string_view table) {
  return name.size() > table.size() && name.starts_with(table) && name[table.size()] == '.';
}

[[noreturn]] void fail_unknown_key(std::string_view place, std::string const& name) {
  for (auto const& key : keys()) {
    if (is_below(key.name, name)) fail(place, fmt::format("{} is a table, not a value; write its keys below [{}]", name, name));
    if (is_below(name, key.name)) fail(place, fmt::format("{} is a value, not a table; write {} = VALUE", key.name, key.name));
  }
  auto const* near = nearest_key(name);
  fail(place, near == nullptr ? fmt::format("unknown key {}; remove it (`corps config` lists every key)", in_quotes(name))
                              : fmt::format("unknown key {}; did you mean '{}'?", in_quotes(name), near->name));
}

BadValue wrong_type(TomlValue const& value, std::string_view wanted) {
  return BadValue{fmt::format("is {}; write {}", describe(value.kind), wanted)};
}

std::int64_t checked(Key const& key, std::int64_t number) {
  if (number >= key.min && number <= key.max) return number;
  // Not show(): 0 of count_or_auto would read as "auto".
  auto const shown = key.kind == Kind::count_or_auto ? show_count(number) : show(key, {number, {}});
  throw BadValue{fmt::format("{} is out of range; allowed is {}", shown, show_range(key))};
}

std::int64_t whole_number(Key const& key, TomlValue const& value, std::string_view wanted) {
  if (value.kind != TomlValue::Kind::integer) throw wrong_type(value, wanted);
  std::int64_t number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return checked(key, number);
}

std::string checked_tag(std::string const& text) {
  bool const good = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
  if (!good) throw BadValue{fmt::format("{} is not a tag; write 1 to 64 characters of A-Z a-z 0-9 _ . -", in_quotes(text))};
  return text;
}

std::string checked_text(Key const& key, std::string const& text) {
  if (static_cast<std::int64_t>(text.size()) > key.max) {
    throw BadValue{fmt::format("{} is longer than {} bytes; shorten it", in_quotes(text), key.max)};
  }
  for (char const c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      throw BadValue{fmt::format("{} holds a control character; remove it", in_quotes(text))};
    }
  }
  return text;
}

std::int64_t word_position(Key const& key, std::string_view text) {
  std::int64_t position = 0;
  for (std::string_view rest = key.words;; ++position) {
    auto const end = rest.find('|');
    if (rest.substr(0, end) == text) return position;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  throw BadValue{fmt::format("{} is not one of its words; write {}", in_quotes(text), show_range(key))};
}

/// `written` is what a user typed who does not quote texts; empty in a file.
Value convert(Key const& key, TomlValue const& value, std::string const& written) {
  bool const is_text = value.kind == TomlValue::Kind::text;
  auto const text = [&]() -> std::string const& {
    if (!is_text && written.empty()) throw wrong_type(value, "it as text in quotes");
    return is_text ? value.text : written;
  };
  switch (key.kind) {
    case Kind::count: return {whole_number(key, value, fmt::format("a whole number, {}", show_range(key))), {}};
    case Kind::count_or_auto: {
      auto const wanted = fmt::format("\"auto\" or a whole number, {} to {}", key.min, key.max);
      if (is_text && value.text == "auto") return {0, {}};
      return {whole_number(key, value, wanted), {}};
    }
    case Kind::bytes:
    case Kind::duration: {
      bool const is_bytes = key.kind == Kind::bytes;
      // A bare number is read as well, to say that its unit is missing.
      if (!is_text && value.kind != TomlValue::Kind::integer && value.kind != TomlValue::Kind::real) {
        throw wrong_type(value, is_bytes ? "a size such as \"256KiB\"" : "a duration such as \"5s\"");
      }
      return {checked(key, is_bytes ? parse_bytes(value.text) : parse_duration_ns(value.text)), {}};
    }
    case Kind::text:
    case Kind::path: return {0, checked_text(key, text())};
    case Kind::tag: return {0, checked_tag(text())};
    case Kind::word: return {word_position(key, text()), {}};
    case Kind::endpoint: return {0, text().empty() ? std::string{} : show_endpoint(parse_endpoint(text()))};
    case Kind::table: break;
  }
  throw BadValue{"cannot be set; it is a table"};
}

detail::ConfigKind argument_kind(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::boolean: return detail::ConfigKind::boolean;
    case TomlValue::Kind::integer: return detail::ConfigKind::integer;
    case TomlValue::Kind::real: return detail::ConfigKind::real;
    case TomlValue::Kind::text: return detail::ConfigKind::text;
    case TomlValue::Kind::date: throw BadValue{"is a date or time; write it as text in quotes"};
    case TomlValue::Kind::list: throw BadValue{"holds a list in a list; make it flat"};
    case TomlValue::Kind::empty_table:
    case TomlValue::Kind::table_in_list: break;
  }
  throw BadValue{"holds a table in a list; give each table a key of its own"};
}

detail::ConfigItem argument(std::string const& name, TomlValue const& value, std::string const& written,
                            std::string const& source) {
  detail::ConfigItem item{name, detail::ConfigKind::text, value.kind == TomlValue::Kind::list, {}, written, source};
  if (!item.is_list) {
    item.kind = argument_kind(value.kind);
    item.values.push_back(value.text);
    return item;
  }
  for (auto const& element : value.items) {
    auto const kind = argument_kind(element.kind);
    if (!item.values.empty() && kind != item.kind) throw BadValue{"mixes types in a list; write all its values alike"};
    item.kind = kind;
    item.values.push_back(element.text);
  }
  return item;
}

std::string tag_of(std::string const& path) {
  auto tag = std::filesystem::path{path}.stem().string().substr(0, 64);
  for (char& c : tag) {
    bool const good =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (!good) c = '_';
  }
  return tag;
}

std::string absolute_path(std::string const& path, std::string const& folder) {
  if (path.empty()) return path;
  return std::filesystem::absolute(std::filesystem::path{folder} / path).lexically_normal().string();
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

/// The key that a variable names: CORPS_LIMITS_FRAME, CORPS_CORPS_ENVS or, for short, CORPS_ENVS. Empty if there is none.
std::string key_of_variable(std::string_view variable) {
  for (auto const& key : keys()) {
    auto const full = environment_name(key.name);
    auto const brief = key.name.starts_with(corps_prefix) ? environment_name(key.name.substr(corps_prefix.size())) : full;
    if (variable == full || variable == brief) return std::string{key.name};
  }
  for (std::string_view const prefix : {"CORPS_ARGS_", "CORPS_CORPS_ARGS_"}) {
    if (variable.starts_with(prefix) && variable.size() > prefix.size()) {
      return std::string{args_prefix} + lower(variable.substr(prefix.size()));
    }
  }
  return {};
}

[[noreturn]] void fail_unknown_variable(std::string_view variable) {
  auto guess = lower(variable.substr(environment_prefix.size()));
  if (auto const first = guess.find('_'); first != std::string::npos) guess[first] = '.';
  auto const* near = nearest_key(guess);
  fail(printable(variable),
       near == nullptr ? "sets no key of the configuration; unset it (`corps config` lists every key)"
                       : fmt::format("sets no key of the configuration; did you mean {}?", environment_name(near->name)));
}

}  // namespace

std::string const& Loaded::source_of(std::string_view key) const { return sources.at(index_of(*find_key(key))); }

Layers::Layers() : sources_(keys().size(), std::string{default_source}) {}

void Layers::add_file(std::string const& path) { add_text(read_config_file(path), path); }

void Layers::add_text(std::string_view bytes, std::string const& file) {
  files_.push_back(file);
  auto const folder = std::filesystem::path{file}.parent_path().string();
  auto const shown = printable(file);
  for (auto const& entry : parse_toml(bytes, file)) {
    put(entry.key, entry.value, {}, {fmt::format("{}:{}", shown, entry.line), folder});
  }
}

void Layers::add_environment(std::vector<std::string> const& environment) {
  std::map<std::string, std::string> seen;  // key → the variable that set it
  for (auto const& entry : environment) {
    auto const equals = std::min(entry.find('='), entry.size());
    std::string const variable = entry.substr(0, equals);
    if (!variable.starts_with(environment_prefix)) continue;
    auto const key = key_of_variable(variable);
    if (key.empty()) fail_unknown_variable(variable);
    auto const shown = printable(variable);
    auto const [other, is_first] = seen.emplace(key, shown);
    if (!is_first) fail(shown, fmt::format("sets {}, as {} does; unset one of them", printable(key), other->second));
    put_bare(key, equals < entry.size() ? entry.substr(equals + 1) : std::string{}, {shown, {}});
  }
}

void Layers::add_option(CommandLine::Assignment const& option) {
  auto const equals = option.text.find('=');
  auto key = option.text.substr(0, equals);
  if (equals == std::string::npos || key.empty()) {
    fail(option.source, fmt::format("{} is not an assignment; write key=value", in_quotes(option.text)));
  }
  if (key == "args" || key.starts_with("args.")) key.insert(0, corps_prefix);
  put_bare(key, option.text.substr(equals + 1), {option.source, {}});
}

void Layers::put_bare(std::string const& key, std::string const& text, Place const& place) {
  if (find_bad_utf8(key) != std::string::npos || find_bad_utf8(text) != std::string::npos) {
    fail(place.text, fmt::format("{} = {} is not UTF-8; write it as UTF-8 text", printable(key), in_quotes(text)));
  }
  if (key.size() > option_key_bytes_max) {
    fail(place.text, fmt::format("key {} is longer than {} bytes; shorten it", in_quotes(key), option_key_bytes_max));
  }
  bool const is_argument = key == args_key || key.starts_with(args_prefix) || key.starts_with(hosts_prefix);
  auto const parsed = parse_toml_value(key, text);
  auto const is_scalar = [](TomlValue::Kind kind) { return kind <= TomlValue::Kind::text; };
  if (parsed && is_argument && parsed->front().value.kind != TomlValue::Kind::date) {
    for (auto const& entry : *parsed) {
      put(entry.key, entry.value, is_scalar(entry.value.kind) && entry.key == key ? text : std::string{}, place);
    }
  } else if (parsed && parsed->front().key == key && is_scalar(parsed->front().value.kind)) {
    put(key, parsed->front().value, text, place);
  } else {
    put(key, {TomlValue::Kind::text, text, {}}, text, place);
  }
}

void Layers::put(std::string const& name, TomlValue const& value, std::string const& written, Place const& place) {
  if (name == args_key) {
    if (value.kind == TomlValue::Kind::empty_table) return;
    fail(place.text, fmt::format("{} is a table of the application, not a value; write corps.args.NAME = VALUE", args_key));
  }
  if (name.starts_with(args_prefix)) return put_argument(name.substr(args_prefix.size()), value, written, place);
  if (name == hosts_key) {
    if (value.kind == TomlValue::Kind::empty_table) return;
    fail(place.text, "hosts is a table of tables; write the keys of a host below [hosts.NAME]");
  }
  if (name.starts_with(hosts_prefix)) {
    try {
      return hosts_.put(name.substr(hosts_prefix.size()), value, place.text);
    } catch (BadValue const& bad) {
      fail(place.text, fmt::format("{}: {}", printable(name), bad.what()));
    }
  }

  auto const* key = find_key(name);
  if (key == nullptr) {
    auto const table = keys();
    bool const is_table = std::any_of(table.begin(), table.end(), [&](Key const& each) { return is_below(each.name, name); });
    if (is_table && value.kind == TomlValue::Kind::empty_table) return;
    fail_unknown_key(place.text, name);
  }
  try {
    auto converted = convert(*key, value, written);
    if (key->kind == Kind::path) converted.text = absolute_path(converted.text, place.folder);
    key->write(settings_, converted);
  } catch (BadValue const& bad) {
    fail(place.text, fmt::format("{}: {}", key->name, bad.what()));
  }
  sources_[index_of(*key)] = place.text;
}

void Layers::put_argument(std::string const& name, TomlValue const& value, std::string const& written, Place const& place) {
  bool const is_good_name =
      !name.empty() && name.front() != '.' && name.back() != '.' && name.find("..") == std::string::npos &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      });
  if (!is_good_name) {
    fail(place.text,
         fmt::format("key {}{} holds more than letters, digits, _ - and single dots; rename it", args_prefix, printable(name)));
  }
  if (value.kind == TomlValue::Kind::empty_table) return;
  // A later layer may put a value where an earlier one had a table, and the other way round.
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) arguments_.erase(name.substr(0, dot));
  auto const below = name + '.';
  auto const first = arguments_.lower_bound(below);
  auto last = first;
  while (last != arguments_.end() && last->first.starts_with(below)) ++last;
  arguments_.erase(first, last);
  try {
    arguments_.insert_or_assign(name, argument(name, value, written, place.text));
  } catch (BadValue const& bad) {
    fail(place.text, fmt::format("{}{}: {}", args_prefix, name, bad.what()));
  }
}

std::string Layers::describe(Key const& key) const {
  return fmt::format("{} = {} ({})", key.name, show(key, key.read(settings_)), sources_[index_of(key)]);
}

void Layers::check_rules() const {
  auto const is_default = [&](Key const& key) { return sources_[index_of(key)] == default_source; };
  for (auto const& rule : rules) {
    auto const& less = *find_key(rule.less);
    auto const& more = *find_key(rule.more);
    if (less.read(settings_).number <= more.read(settings_).number) continue;
    auto const& at = is_default(less) ? more : less;
    fail(sources_[index_of(at)], fmt::format("{} is more than {}; the rule is {} <= {}: lower the first or raise the second",
                                             describe(less), describe(more), less.name, more.name));
  }
  bool const only_this_host =
      settings_.net.carrier == CarrierChoice::unix_socket || settings_.net.carrier == CarrierChoice::shared_memory;
  if (only_this_host && !settings_.net.listen.empty()) {
    auto const& listen = *find_key("net.listen");
    fail(sources_[index_of(listen)],
         fmt::format("{} needs TCP, but {}; the rule is net.listen only with net.carrier auto or tcp: remove one",
                     describe(listen), describe(*find_key("net.carrier"))));
  }
  check_tls_rules();
}

void Layers::check_tls_rules() const {
  auto const& net = settings_.net;
  std::array const files{&net.tls_ca, &net.tls_certificate, &net.tls_key};
  auto const is_set = [](std::string const* path) { return !path->empty(); };
  constexpr std::array<std::string_view, 3> names{"net.tls_ca", "net.tls_certificate", "net.tls_key"};
  auto const first = std::ranges::find_if(files, is_set) - files.begin();
  auto const missing = std::ranges::find_if_not(files, is_set) - files.begin();
  if (first != std::ssize(files) && missing != std::ssize(files)) {
    auto const& key = *find_key(names[static_cast<std::size_t>(first)]);
    fail(sources_[index_of(key)], fmt::format("{} needs {} as well; the rule is all of net.tls_ca, net.tls_certificate and "
                                              "net.tls_key, or none: set it too",
                                              describe(key), names[static_cast<std::size_t>(missing)]));
  }
  if (!net.listen.empty() && first == std::ssize(files) && !is_loopback(parse_endpoint(net.listen).host)) {
    auto const& listen = *find_key("net.listen");
    fail(sources_[index_of(listen)],
         fmt::format("{} is not a loopback address, and links beyond this host need TLS: set net.tls_ca, "
                     "net.tls_certificate and net.tls_key, or listen on \"127.0.0.1:0\" or \"[::1]:0\"",
                     describe(listen)));
  }
}

void Layers::put_hosts() {
  settings_.hosts = hosts_.finish(settings_.net);
  if (settings_.hosts.empty()) return;
  std::uint64_t envs = 0;
  for (auto const& host : settings_.hosts) envs += host.envs;
  auto const& key = *find_key("corps.envs");
  auto& source = sources_[index_of(key)];
  if (source == default_source) {
    if (envs > static_cast<std::uint64_t>(key.max))
      fail(hosts_.place(), fmt::format("the hosts have {} Envs; allowed is {}", envs, show_range(key)));
    settings_.corps.envs = static_cast<std::uint32_t>(envs);
    source = hosts_.place();
  } else if (settings_.corps.envs != envs) {
    fail(source,
         fmt::format("{} and the hosts have {} Envs; the rule is that corps.envs is their sum: remove it", describe(key), envs));
  }
  auto const& listen = *find_key("net.listen");
  if (settings_.hosts.size() > 1 && !settings_.net.listen.empty())
    fail(sources_[index_of(listen)],
         fmt::format("{}, but with several hosts each Env listens at the address of its own: remove net.listen",
                     describe(listen)));
}

Loaded Layers::finish(std::string const& program, std::vector<std::string> arguments) {
  check_rules();
  put_hosts();
  if (sources_[index_of(*find_key("corps.tag"))] == default_source) {
    auto const tag = tag_of(files_.empty() ? program : files_.front());
    if (!tag.empty()) settings_.corps.tag = tag;
  }
  detail::ConfigData data{settings_.corps.tag, "command line", std::move(arguments), {}};
  for (std::size_t i = 0; i < files_.size(); ++i)
    data.origin = i == 0 ? printable(files_[0]) : data.origin + ", " + printable(files_[i]);
  for (auto const& [name, item] : arguments_) data.items.push_back(item);
  return {settings_, Config{std::move(data)}, hosts_.items(), sources_};
}

Loaded load(CommandLine const& line, std::vector<std::string> const& environment) {
  Layers layers;
  for (auto const& file : line.config_files) layers.add_file(file);
  layers.add_environment(environment);
  for (auto const& option : line.options) layers.add_option(option);
  return layers.finish(line.program, line.arguments);
}

void check_program(Loaded const& loaded) {
  auto const& program = loaded.settings.corps.program;
  if (program.empty()) {
    fail(loaded.config.data().origin, "corps.program is missing; set it to the executable of the application");
  }
  struct stat status {};
  int fault = stat(program.c_str(), &status) == 0 ? 0 : errno;
  if (fault == 0 && S_ISDIR(status.st_mode)) fault = EISDIR;
  if (fault == 0 && access(program.c_str(), X_OK) != 0) fault = errno;
  if (fault == 0) return;
  fail(loaded.source_of("corps.program"),
       fmt::format("program {} is not executable: {}; {}", in_quotes(program), std::strerror(fault),
                   fault == EACCES ? "give it the right to be run (chmod +x)"
                                   : "set corps.program to the executable of the application"));
}

}  // namespace corps::startup

#include "env/boot/internal/hosts.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "corps/error.hpp"
#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/units.hpp"

namespace corps::startup {
namespace {

constexpr std::size_t words_max = 64;
constexpr std::size_t text_bytes_max = 4'095;
constexpr std::size_t host_name_bytes_max = 253;
constexpr std::int64_t envs_max = 1'024;

constexpr std::array<std::pair<std::string_view, char const*>, 3> host_keys{{
    {"address", "Addresses and names at which its Envs listen and are reached; beyond loopback only with TLS."},
    {"envs", "Number of its Envs."},
    {"launch", "Words that start a program there, which come before its command line; of the host of Env 0 none."},
}};

[[noreturn]] void fail(std::string_view place, std::string_view what) { throw ConfigError{fmt::format("{}: {}", place, what)}; }

bool is_letter_or_digit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_wildcard(std::string const& address) noexcept { return address == "0.0.0.0" || address == "::"; }

std::string checked_word(std::string const& text) {
  bool const control = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f; });
  if (text.empty() || text.size() > text_bytes_max || control)
    throw BadValue{fmt::format("{} is no word; write 1 to {} bytes without control characters", in_quotes(text), text_bytes_max)};
  return text;
}

std::string checked_address(std::string const& text) {
  if (text == "localhost") return "127.0.0.1";
  if (is_numeric(text) && !is_wildcard(text)) return text;
  bool const name = !text.empty() && text.size() <= host_name_bytes_max &&
                    std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_'; }) &&
                    std::ranges::any_of(text, [](char c) { return is_letter_or_digit(c) && !(c >= '0' && c <= '9'); });
  if (!name)
    throw BadValue{
        fmt::format("{} is no address at which others reach a host; write it as \"192.0.2.1\", \"2001:db8::1\" or "
                    "\"host2.example\", without a port",
                    in_quotes(text))};
  return text;
}

/// A text, or a list of them.
std::vector<std::string> texts_of(TomlValue const& value, std::string_view wanted) {
  auto const of_kind = [&](TomlValue const& one) {
    if (one.kind != TomlValue::Kind::text) throw BadValue{fmt::format("holds {}; write {}", describe(one.kind), wanted)};
    return one.text;
  };
  std::vector<std::string> texts;
  if (value.kind != TomlValue::Kind::list) {
    texts.push_back(of_kind(value));
  } else {
    for (auto const& item : value.items) texts.push_back(of_kind(item));
  }
  if (texts.empty() || texts.size() > words_max) throw BadValue{fmt::format("has {} entries; write {}", texts.size(), wanted)};
  return texts;
}

std::uint32_t envs_of(TomlValue const& value) {
  std::int64_t number = 0;
  if (value.kind == TomlValue::Kind::integer) std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  if (number < 1 || number > envs_max)
    throw BadValue{fmt::format("is {} {}; write a whole number, 1 to {}", describe(value.kind), in_quotes(value.text),
                               show_count(envs_max))};
  return static_cast<std::uint32_t>(number);
}

}  // namespace

char const* meaning_of_host_key(std::string_view name) noexcept {
  auto const found = std::ranges::find(host_keys, name, [](auto const& key) { return key.first; });
  return found == host_keys.end() ? nullptr : found->second;
}

void HostTables::put(std::string const& key, TomlValue const& value, std::string const& place) {
  auto const dot = key.find('.');
  auto const host = key.substr(0, dot);
  auto const name = dot == std::string::npos ? std::string{} : key.substr(dot + 1);
  bool const good_host = !host.empty() && host.size() <= 64 &&
                         std::ranges::all_of(host, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
  if (!good_host) throw BadValue{fmt::format("{} is no name of a host; write 1 to 64 of A-Z a-z 0-9 _ -", in_quotes(host))};
  if (name.empty() && value.kind == TomlValue::Kind::empty_table) {
    throw BadValue{"is empty; set at least its address"};
  }
  if (meaning_of_host_key(name) == nullptr)
    throw BadValue{fmt::format("a host has no key {}; its keys are address, envs and launch", in_quotes(name))};
  auto changed = tables_.contains(host) ? tables_[host].settings : HostSettings{host, {}, {}, 1};
  detail::ConfigItem item{"hosts." + key, detail::ConfigKind::text, true, {}, {}, place};
  if (name == "launch") {
    changed.launch.clear();
    for (auto const& word : texts_of(value, "a list of words, such as [\"ip\", \"netns\", \"exec\", \"h2\"]"))
      changed.launch.push_back(checked_word(word));
    item.values = changed.launch;
  } else if (name == "address") {
    changed.addresses.clear();
    for (auto const& address : texts_of(value, "an address, or a list of them"))
      changed.addresses.push_back(checked_address(address));
    item.values = changed.addresses;
  } else {
    changed.envs = envs_of(value);
    item.kind = detail::ConfigKind::integer;
    item.is_list = false;
    item.values = {std::to_string(changed.envs)};
  }
  auto& table = tables_[host];
  table.settings = std::move(changed);
  table.items.insert_or_assign(name, std::move(item));
}

std::vector<HostSettings> HostTables::finish(NetSettings const& net) const {
  std::vector<HostSettings> hosts;
  std::vector<std::string> first_hosts;
  for (auto const& [name, table] : tables_) {
    auto const& host = table.settings;
    auto const& any_place = table.items.begin()->second.source;
    if (host.launch.empty()) first_hosts.push_back(name);
    hosts.insert(host.launch.empty() ? hosts.begin() : hosts.end(), host);
    if (tables_.size() > 1 && host.addresses.empty())
      fail(any_place, fmt::format("hosts.{} has no address, and there are Envs of other hosts to reach it; set hosts.{}.address",
                                  name, name));
    auto const beyond = std::ranges::find_if_not(host.addresses, is_loopback);
    if (beyond != host.addresses.end() && net.tls_ca.empty())
      fail(table.items.at("address").source,
           fmt::format("hosts.{}.address: {} is not a loopback address, and links beyond this host need TLS: set net.tls_ca, "
                       "net.tls_certificate and net.tls_key",
                       name, in_quotes(*beyond)));
  }
  if (hosts.empty() || first_hosts.size() == 1) return hosts;
  if (first_hosts.empty())
    fail(place(), "every host has launch; the one where the Corps is booted, and Env 0 is, has none: remove it there");
  fail(tables_.at(first_hosts[1]).items.begin()->second.source,
       fmt::format("hosts.{} and hosts.{} have no launch; only the host where the Corps is booted has none: set how programs are "
                   "started on the others",
                   first_hosts[0], first_hosts[1]));
}

std::vector<detail::ConfigItem> HostTables::items() const {
  std::vector<detail::ConfigItem> all;
  for (auto const& [name, table] : tables_)
    for (auto const& [key, item] : table.items) all.push_back(item);
  return all;
}

}  // namespace corps::startup

#include "env/boot/internal/units.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "env/boot/internal/config_text.hpp"

namespace corps::startup {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
  bool shown;  // used when a value is printed
};

// Largest first: printing takes the first one that divides the value.
constexpr std::array duration_table{
    Unit{"d", 86'400'000'000'000, true},
    Unit{"h", 3'600'000'000'000, true},
    Unit{"min", 60'000'000'000, true},
    Unit{"s", 1'000'000'000, true},
    Unit{"ms", 1'000'000, true},
    Unit{"us", 1'000, true},
    Unit{"ns", 1, true},
};
constexpr std::array byte_table{
    Unit{"GiB", std::int64_t{1} << 30, true},
    Unit{"GB", 1'000'000'000, false},
    Unit{"MiB", std::int64_t{1} << 20, true},
    Unit{"MB", 1'000'000, false},
    Unit{"KiB", 1'024, true},
    Unit{"kB", 1'000, false},
    Unit{"B", 1, true},
};

std::int64_t parse(std::string_view text, std::span<Unit const> units, std::string_view unit_names, std::string_view example) {
  auto const write = fmt::format("; write a whole number and a unit ({}), such as \"{}\"", unit_names, example);
  if (text.starts_with('-')) throw BadValue{fmt::format("{} is negative{}", in_quotes(text), write)};
  std::int64_t number = 0;
  auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc::result_out_of_range) throw BadValue{fmt::format("{} is too large{}", in_quotes(text), write)};
  if (fault != std::errc{}) throw BadValue{fmt::format("{} has no number{}", in_quotes(text), write)};

  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with('.') || unit.starts_with(','))
    throw BadValue{fmt::format("{} is not a whole number{}", in_quotes(text), write)};
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) throw BadValue{fmt::format("{} has no unit{}", in_quotes(text), write)};
  for (auto const& known : units) {
    if (known.name != unit) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / known.factor) {
      throw BadValue{fmt::format("{} is too large{}", in_quotes(text), write)};
    }
    return number * known.factor;
  }
  throw BadValue{fmt::format("{} has the unknown unit {}{}", in_quotes(text), in_quotes(unit), write)};
}

std::string show(std::int64_t value, std::span<Unit const> units) {
  for (auto const& unit : units) {
    if (unit.shown && value >= unit.factor && value % unit.factor == 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}{}", value, units.back().name);
}

}  // namespace

std::int64_t parse_duration_ns(std::string_view text) { return parse(text, duration_table, duration_units, "5s"); }

std::int64_t parse_bytes(std::string_view text) { return parse(text, byte_table, byte_units, "256KiB"); }

std::string show_duration_ns(std::int64_t ns) { return show(ns, duration_table); }

std::string show_bytes(std::int64_t bytes) { return show(bytes, byte_table); }

std::string show_count(std::int64_t count) {
  auto digits = std::to_string(count);
  for (auto end = static_cast<std::ptrdiff_t>(digits.size()) - 3; end > 0; end -= 3)
    digits.insert(static_cast<std::size_t>(end), "_");
  return digits;
}

Endpoint parse_endpoint(std::string_view text) {
  auto const fail = [&](std::string_view what) -> BadValue {
    return BadValue{fmt::format("{} {}; write host:port, such as \"127.0.0.1:0\" or \"[::1]:0\"", in_quotes(text), what)};
  };
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos) throw fail("has no port");
  Endpoint endpoint{std::string{text.substr(0, colon)}, 0};
  if (endpoint.host.starts_with('[') != endpoint.host.ends_with(']')) throw fail("has an unbalanced bracket");
  bool const bracketed = endpoint.host.starts_with('[');
  if (bracketed) endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  if (endpoint.host.empty()) throw fail("has no host");
  if (bracketed != (endpoint.host.find(':') != std::string::npos))
    throw fail("needs brackets around an IPv6 address, and only there");
  if (endpoint.host.find('\0') != std::string::npos) throw fail("has a NUL in its host");

  auto const digits = text.substr(colon + 1);
  auto const [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (fault != std::errc{} || end != digits.data() + digits.size()) throw fail("has no port from 0 to 65535 (0: any free one)");

  if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
  if (!is_numeric(endpoint.host)) throw fail("has a host that is no IP address");
  return endpoint;
}

bool is_numeric(std::string const& host) noexcept {
  in6_addr either{};
  return inet_pton(AF_INET, host.c_str(), &either) == 1 || inet_pton(AF_INET6, host.c_str(), &either) == 1;
}

bool is_loopback(std::string const& host) noexcept {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string show_endpoint(Endpoint const& endpoint) {
  bool const v6 = endpoint.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port) : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

}  // namespace corps::startup

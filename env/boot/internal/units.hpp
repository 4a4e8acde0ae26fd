#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace corps::startup {

inline constexpr std::string_view duration_units = "ns us ms s min h d";
inline constexpr std::string_view byte_units = "B KiB MiB GiB kB MB GB";

/// "5s" → 5'000'000'000. A whole number and a unit, at most blanks between them; anything else is a BadValue.
std::int64_t parse_duration_ns(std::string_view text);

/// "256KiB" → 262'144. As parse_duration_ns().
std::int64_t parse_bytes(std::string_view text);

/// The shortest exact text in one unit: 90'000'000'000 → "90s".
std::string show_duration_ns(std::int64_t ns);
std::string show_bytes(std::int64_t bytes);

/// 100000 → "100_000", as TOML reads it.
std::string show_count(std::int64_t count);

struct Endpoint {
  std::string host;  // a numeric IPv4 or IPv6 address, without brackets
  std::uint16_t port = 0;
};

/// "127.0.0.1:0", "[::1]:7000", "192.0.2.1:0", "localhost:0" (127.0.0.1). A host that is no IP address is a BadValue.
Endpoint parse_endpoint(std::string_view text);

/// Whether it is an IPv4 or IPv6 address, without brackets.
bool is_numeric(std::string const& host) noexcept;

/// Whether what is sent to this numeric host stays on this one.
bool is_loopback(std::string const& host) noexcept;

/// The text parse_endpoint() reads, with brackets around IPv6.
std::string show_endpoint(Endpoint const& endpoint);

}  // namespace corps::startup

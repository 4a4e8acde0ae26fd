#include "env/boot/internal/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <type_traits>

#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/hosts.hpp"
#include "env/boot/internal/units.hpp"

namespace corps::startup {
namespace {

template <auto group, auto field>
Value read(Settings const& settings) {
  auto const& member = (settings.*group).*field;
  using Member = std::remove_cvref_t<decltype(member)>;
  if constexpr (std::is_same_v<Member, std::string>) {
    return {0, member};
  } else if constexpr (std::is_same_v<Member, std::chrono::nanoseconds>) {
    return {member.count(), {}};
  } else {
    return {static_cast<std::int64_t>(member), {}};
  }
}

template <auto group, auto field>
void write(Settings& settings, Value const& value) {
  auto& member = (settings.*group).*field;
  using Member = std::remove_cvref_t<decltype(member)>;
  if constexpr (std::is_same_v<Member, std::string>) {
    member = value.text;
  } else if constexpr (std::is_same_v<Member, std::chrono::nanoseconds>) {
    member = std::chrono::nanoseconds{value.number};
  } else {
    member = static_cast<Member>(value.number);
  }
}

/// A row of the table: everything but the two functions that reach the member of Settings.
template <auto group, auto field>
constexpr Key key(std::string_view name, Kind kind, std::int64_t min, std::int64_t max, std::string_view meaning,
                  std::string_view words = {}, std::string_view default_note = {}) {
  return {name, kind, min, max, words, default_note, meaning, &read<group, field>, &write<group, field>};
}

constexpr auto corps_group = &Settings::corps;
constexpr auto env_group = &Settings::env;
constexpr auto limits = &Settings::limits;
constexpr auto net = &Settings::net;
constexpr auto log = &Settings::log;
using C = CorpsSettings;
using L = LimitSettings;

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t s = 1'000 * ms;
constexpr std::int64_t h = 3'600 * s;
constexpr std::int64_t kib = 1'024;
constexpr std::int64_t mib = 1'024 * kib;
constexpr std::int64_t gib = 1'024 * mib;
constexpr std::int64_t path_bytes_max = 4'095;

constexpr std::array table{
    key<corps_group, &C::tag>("corps.tag", Kind::tag, 1, 64, "Name of the Corps, in logs and for other Corps.", {},
                              "name of the first config file, else of the program"),
    key<corps_group, &C::program>("corps.program", Kind::path, 0, path_bytes_max,
                                  "Executable that `corps boot` starts; relative to the folder of the file that sets it."),
    key<corps_group, &C::envs>("corps.envs", Kind::count, 1, 1'024, "Number of Envs (processes)."),
    key<corps_group, &C::without_env0>("corps.without_env0", Kind::word, 0, 0, "What the other Envs do when Env 0 is gone.",
                                       "exit|serve"),
    Key{args_key,
        Kind::table,
        0,
        0,
        {},
        {},
        "Free table of the application, which reads it through corps::Config.",
        nullptr,
        nullptr},
    Key{hosts_key,
        Kind::table,
        0,
        0,
        {},
        {},
        "Tables hosts.NAME with address, envs and launch of each host; none: all Envs are on this one.",
        nullptr,
        nullptr},
    key<env_group, &EnvSettings::threads>("env.threads", Kind::count_or_auto, 1, 1'024,
                                          "Threads that run Workers in each Env; auto: max(1, cores / Envs on this host)."),
    key<limits, &L::request_timeout>("limits.request_timeout", Kind::duration, ms, 8'760 * h,
                                     "Deadline of a call that sets none; then it ends with Timeout."),
    key<limits, &L::mailbox>("limits.mailbox", Kind::count, 1, 250'000,
                             "Requests that wait at one Worker whose class says nothing else; then its overflow answer holds."),
    key<limits, &L::mailbox_bytes>("limits.mailbox_bytes", Kind::bytes, 64 * kib, 16 * gib,
                                   "Memory of these requests, about; a large one counts as several of limits.mailbox."),
    key<limits, &L::open_calls_per_worker>("limits.open_calls_per_worker", Kind::count, 1, 10'000'000,
                                           "Calls that one Worker has open; further ones end with Overloaded."),
    key<limits, &L::in_flight_per_link>("limits.in_flight_per_link", Kind::bytes, 64 * kib, 16 * gib,
                                        "Bytes sent on a link and not acknowledged; further requests end with Overloaded."),
    key<limits, &L::frame>("limits.frame", Kind::bytes, 4 * kib, 16 * mib,
                           "Largest piece of a message sent at once on a link; others are sent in between."),
    key<limits, &L::message>("limits.message", Kind::bytes, 4 * kib, gib,
                             "Largest packed request or answer; a larger one is refused where it is packed."),
    key<limits, &L::link_silence>("limits.link_silence", Kind::duration, 10 * ms, h,
                                  "Time without a byte of an Env of another host; then the connection is cut, and restored."),
    key<limits, &L::link_resume>(
        "limits.link_resume", Kind::duration, 10 * ms, h,
        "Time to restore a broken connection; then calls over it end with WorkerLost, or are sent again if idempotent."),
    key<limits, &L::retries>("limits.retries", Kind::count, 0, 100,
                             "Times that a call of an idempotent method is sent again when it may have been lost with a link."),
    key<limits, &L::handshake>("limits.handshake", Kind::duration, 10 * ms, 60 * s,
                               "Time for the two ends of a link to prove who they are; then it is closed."),
    key<limits, &L::create_timeout>("limits.create_timeout", Kind::duration, ms, h,
                                    "Time for the creation of a Worker; then it ends with Timeout."),
    key<limits, &L::boot>("limits.boot", Kind::duration, 10 * ms, h, "Time until all Envs are ready; then the boot is given up."),
    key<limits, &L::stop>("limits.stop", Kind::duration, ms, h,
                          "Time for a clean stop; then Concs that are stuck are named and the process exits."),
    key<limits, &L::spare_threads>(
        "limits.spare_threads", Kind::count, 0, 4'096,
        "Threads that take over while Workers block, in each Env; then blocking ends with Overloaded."),
    key<limits, &L::detached_threads>(
        "limits.detached_threads", Kind::count, 0, 4'096,
        "Workers with a thread of their own, in each Env; creating further ones ends with Overloaded."),
    key<limits, &L::descriptor_waits>(
        "limits.descriptor_waits", Kind::count, 0, 1'000'000,
        "Waits for descriptors in each Env, each with one of its own; further ones end with Overloaded."),
    key<limits, &L::timers>("limits.timers", Kind::count, 1, 100'000'000,
                            "Timers and sleeps that wait in each Env; further ones end with Overloaded."),
    key<limits, &L::ext_envs>(
        "limits.ext_envs", Kind::count, 0, 1'000'000,
        "Envs of other Corps that Names in one Env refer to, ever; unpacking one more ends with Overloaded."),
    key<net, &NetSettings::listen>("net.listen", Kind::endpoint, 0, 0,
                                   "Address to listen on, port 0 for any; empty: only if the carrier needs it."),
    key<net, &NetSettings::carrier>("net.carrier", Kind::word, 0, 0, "How Envs of one host are linked; auto takes the fastest.",
                                    "auto|shm|unix|tcp"),
    key<net, &NetSettings::spin>("net.spin", Kind::duration, 0, ms,
                                 "Time that a thread without work looks for calls of other Envs before it sleeps, where they "
                                 "follow each other so closely that it pays; 0: it sleeps at once."),
    key<net, &NetSettings::heartbeat>("net.heartbeat", Kind::duration, ms, h,
                                      "Time between two signs of life to an Env of another host."),
    key<net, &NetSettings::heartbeat_to>("net.heartbeat_to", Kind::word, 0, 0,
                                         "Envs that exchange signs of life: of other hosts, or all that are linked over TCP.",
                                         "hosts|all"),
    key<net, &NetSettings::tls_ca>("net.tls_ca", Kind::path, 0, path_bytes_max,
                                   "PEM file of the CAs that sign certificates of Envs; with it, links over TCP are TLS."),
    key<net, &NetSettings::tls_certificate>("net.tls_certificate", Kind::path, 0, path_bytes_max,
                                            "PEM file of the certificate that each Env on this host shows, and of its chain."),
    key<net, &NetSettings::tls_key>("net.tls_key", Kind::path, 0, path_bytes_max, "PEM file of the key of that certificate."),
    key<log, &LogSettings::level>("log.level", Kind::word, 0, 0, "Least severe message that is logged.",
                                  "trace|debug|info|warn|error|off"),
    key<log, &LogSettings::file>("log.file", Kind::text, 0, path_bytes_max, "File that the log is appended to; empty: stderr."),
};

std::string_view last_part(std::string_view name) noexcept { return name.substr(name.rfind('.') + 1); }

std::string_view word_at(std::string_view words, std::int64_t position) {
  for (; position > 0; --position) words.remove_prefix(words.find('|') + 1);
  return words.substr(0, words.find('|'));
}

}  // namespace

std::span<Key const> keys() noexcept { return table; }

Key const* find_key(std::string_view name) noexcept {
  auto const found = std::find_if(table.begin(), table.end(), [&](Key const& candidate) { return candidate.name == name; });
  return found == table.end() ? nullptr : &*found;
}

Key const* nearest_key(std::string_view unknown) {
  constexpr std::size_t key_bytes_max = 64;  // no key is near a longer word, and the search stays cheap
  Key const* nearest = nullptr;
  std::size_t nearest_distance = std::max<std::size_t>(2, unknown.size() / 3) + 1;
  if (unknown.size() <= key_bytes_max) {
    for (auto const& candidate : table) {
      // The right key in the wrong table, or in none, is near too.
      auto const distance =
          std::min(edit_distance(unknown, candidate.name), edit_distance(last_part(unknown), last_part(candidate.name)) + 1);
      if (distance < nearest_distance) {
        nearest = &candidate;
        nearest_distance = distance;
      }
    }
  }
  return nearest;
}

std::string environment_name(std::string_view key_name) {
  std::string name = "CORPS_";
  for (char const c : key_name) name += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string show(Key const& key, Value const& value) {
  switch (key.kind) {
    case Kind::count: return show_count(value.number);
    case Kind::count_or_auto: return value.number == 0 ? "auto" : show_count(value.number);
    case Kind::bytes: return show_bytes(value.number);
    case Kind::duration: return show_duration_ns(value.number);
    case Kind::word: return std::string{word_at(key.words, value.number)};
    case Kind::text:
    case Kind::path:
    case Kind::tag:
    case Kind::endpoint: return value.text;
    case Kind::table: break;
  }
  return "{}";
}

std::string show_default(Key const& key) {
  if (!key.default_note.empty()) return std::string{key.default_note};
  return key.kind == Kind::table ? "{}" : show(key, key.read(Settings{}));
}

std::string show_range(Key const& key) {
  switch (key.kind) {
    case Kind::count:
    case Kind::bytes:
    case Kind::duration: return fmt::format("{} to {}", show(key, {key.min, {}}), show(key, {key.max, {}}));
    case Kind::count_or_auto: return fmt::format("auto, or {} to {}", show_count(key.min), show_count(key.max));
    case Kind::word: {
      std::string list{key.words};
      for (auto bar = list.find('|'); bar != std::string::npos; bar = list.find('|')) {
        list.replace(bar, 1, list.find('|', bar + 1) == std::string::npos ? " or " : ", ");
      }
      return list;
    }
    case Kind::tag: return fmt::format("{} to {} of A-Z a-z 0-9 _ . -", key.min, key.max);
    case Kind::text:
    case Kind::path: return fmt::format("at most {} bytes", key.max);
    case Kind::endpoint: return "host:port, or empty; beyond loopback only with TLS";
    case Kind::table: break;
  }
  return "any";
}

std::string_view unit_of(Key const& key) noexcept {
  if (key.kind == Kind::bytes) return byte_units;
  if (key.kind == Kind::duration) return duration_units;
  return {};
}

}  // namespace corps::startup

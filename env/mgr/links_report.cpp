#include "env/mgr/internal/links_report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/units.hpp"
#include "env/mgr/internal/dump.hpp"
#include "env/mgr/internal/env_process.hpp"

namespace corps::mgr {
namespace {

using net::LinkSeen;
using Row = LinksReport::Row;

double seconds_since(LinksReport const& report, std::int64_t then_ns) {
  return static_cast<double>(std::max<std::int64_t>(report.now_ns - then_ns, 0)) / 1e9;
}

double silence_seconds(LinksReport const& report, LinkSeen const& link) {
  return seconds_since(report, static_cast<std::int64_t>(link.carrier.heard_ns));
}

// --- text --------------------------------------------------------------------------------------------------------

constexpr std::size_t columns = 18;
using Cells = std::array<std::string, columns>;

Cells const& titles() {
  static Cells const all{"env",         "epoch",     "host",     "state",      "for",          "carrier",
                         "restored",    "last",      "heard",    "calls",      "frames out",   "bytes out",
                         "unacked out", "frames in", "bytes in", "unacked in", "wire version", "endpoint"};
  return all;
}

std::string or_dash(std::string_view text) { return std::string{text.empty() ? "-" : text}; }

std::string unacknowledged(net::DirectionSeen const& seen) {
  return fmt::format("{} of {}", seen.unacknowledged_bytes, startup::show_bytes(static_cast<std::int64_t>(seen.credit_bytes)));
}

/// Where it leads; of one that has ended, how.
std::string where(LinkSeen const& link) {
  if (link.state == LinkSeen::State::ended) return startup::printable(link.gone);
  auto text = or_dash(link.carrier.endpoint);
  if (link.carrier.process != 0) text += fmt::format(" (process {})", link.carrier.process);
  return text;
}

Cells cells_of(LinksReport const& report, Row const& row) {
  auto const& link = row.link;
  return {fmt::to_string(link.peer.env),
          fmt::to_string(link.peer.epoch),
          or_dash(row.host),
          std::string{net::to_string(link.state)},
          fmt::format("{:.3f} s", seconds_since(report, link.since_ns)),
          or_dash(link.carrier.kind),
          fmt::to_string(link.restored),
          link.restored == 0 ? "-" : fmt::format("{:.3f} s ago", seconds_since(report, link.restored_ns)),
          link.carrier.heard_ns == 0 ? "-" : fmt::format("{:.3f} s ago", silence_seconds(report, link)),
          fmt::to_string(link.open_calls),
          fmt::to_string(link.sent.traffic.frames),
          fmt::to_string(link.sent.traffic.bytes),
          unacknowledged(link.sent),
          fmt::to_string(link.received.traffic.frames),
          fmt::to_string(link.received.traffic.bytes),
          unacknowledged(link.received),
          link.wire_version == 0 ? "-" : fmt::to_string(link.wire_version),
          where(link)};
}

std::string table(std::vector<Cells> const& lines) {
  std::array<std::size_t, columns> widths{};
  for (auto const& line : lines)
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (auto const& line : lines) {
    for (std::size_t i = 0; i + 1 < columns; ++i) text += fmt::format("{:<{}}", line[i], widths[i] + 2);
    text += line.back() + "\n";
  }
  return text;
}

// --- JSON --------------------------------------------------------------------------------------------------------

std::string string_or_null(std::string_view text) { return text.empty() ? "null" : startup::json_string(std::string{text}); }

std::string number_or_null(bool known, auto number) { return known ? fmt::to_string(number) : "null"; }

std::string seconds_or_null(bool known, double seconds) { return known ? fmt::format("{:.6f}", seconds) : "null"; }

std::string direction_json(net::DirectionSeen const& seen) {
  return fmt::format("{{\"frames\":{},\"bytes\":{},\"unacknowledged_bytes\":{},\"credit_bytes\":{}}}", seen.traffic.frames,
                     seen.traffic.bytes, seen.unacknowledged_bytes, seen.credit_bytes);
}

std::string row_json(LinksReport const& report, Row const& row) {
  auto const& link = row.link;
  return fmt::format(
      "{{\"env\":{},\"epoch\":{},\"host\":{},\"state\":{},\"state_seconds\":{:.6f},\"how_ended\":{},\"carrier\":{},"
      "\"endpoint\":{},\"process\":{},\"wire_version\":{},\"restored\":{},\"restored_seconds_ago\":{},\"heard_seconds_ago\":{},"
      "\"open_calls\":{},\"sent\":{},\"received\":{}}}",
      link.peer.env, link.peer.epoch, string_or_null(row.host), string_or_null(net::to_string(link.state)),
      seconds_since(report, link.since_ns), string_or_null(link.gone), string_or_null(link.carrier.kind),
      string_or_null(link.carrier.endpoint), number_or_null(link.carrier.process != 0, link.carrier.process),
      number_or_null(link.wire_version != 0, link.wire_version), link.restored,
      seconds_or_null(link.restored != 0, seconds_since(report, link.restored_ns)),
      seconds_or_null(link.carrier.heard_ns != 0, silence_seconds(report, link)), link.open_calls, direction_json(link.sent),
      direction_json(link.received));
}

}  // namespace

LinksReport take_links_report(EnvProcess& env) {
  auto const& settings = env.settings();
  LinksReport report;
  report.name = settings.corps.tag;
  report.env = detail::env_facts.env;
  report.process = ::getpid();
  report.time = time_text();
  for (auto& link : env.links().seen()) {
    auto host = settings.hosts.empty() ? std::string{} : settings.hosts[startup::host_of(settings, link.peer.env)].name;
    report.rows.push_back({std::move(host), std::move(link)});
  }
  report.now_ns = detail::now_ns();
  return report;
}

std::string as_text(LinksReport const& report) {
  auto text = fmt::format("links of env {} of {} (process {}), {}\n", report.env, report.name, report.process, report.time);
  if (report.rows.empty()) return text + "none\n";
  std::vector<Cells> lines{titles()};
  for (auto const& row : report.rows) lines.push_back(cells_of(report, row));
  return text + table(lines);
}

std::string as_json(LinksReport const& report) {
  std::string text = "[";
  for (auto const& row : report.rows) text += (text.size() == 1 ? "" : ",\n") + row_json(report, row);
  return text + "]\n";
}

}  // namespace corps::mgr

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corps/address.hpp"
#include "env/net/internal/link_seen.hpp"

/// The links of an Env at one moment, for people and for programs.
namespace corps::mgr {

class EnvProcess;

struct LinksReport {
  struct Row {
    std::string host;  // by its name in the configuration; empty if that names none
    net::LinkSeen link;
  };
  std::string name;  // of the Corps
  EnvId env = 0;
  int process = 0;
  std::string time;
  std::int64_t now_ns = 0;
  std::vector<Row> rows;  // by Envs
};

/// Waits for nothing but short locks. Any thread.
LinksReport take_links_report(EnvProcess& env);

/// A table, one line a link.
std::string as_text(LinksReport const& report);
/// An array, one object a link.
std::string as_json(LinksReport const& report);

}  // namespace corps::mgr

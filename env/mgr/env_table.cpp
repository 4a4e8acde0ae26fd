#include "env/mgr/internal/env_table.hpp"

#include <ranges>
#include <utility>

namespace corps::mgr {

void EnvTable::put(EnvRow row) {
  std::lock_guard const lock{mutex_};
  rows_[row.env] = std::move(row);
}

std::vector<EnvRow> EnvTable::replace(std::vector<EnvRow> rows) {
  std::vector<EnvRow> newly_gone;
  std::lock_guard const lock{mutex_};
  for (auto& row : rows) {
    auto& known = rows_[row.env];
    if (!row.gone.empty() && known.gone.empty()) newly_gone.push_back(row);
    known = std::move(row);
  }
  return newly_gone;
}

bool EnvTable::mark_gone(EnvId env, std::string const& how) {
  std::lock_guard const lock{mutex_};
  auto const found = rows_.find(env);
  if (found == rows_.end() || !found->second.gone.empty()) return false;
  found->second.gone = how;
  found->second.ready = false;
  return true;
}

bool EnvTable::mark_ready(EnvId env, std::vector<std::string> endpoints) {
  std::lock_guard const lock{mutex_};
  auto const found = rows_.find(env);
  if (found == rows_.end() || !found->second.gone.empty()) return false;
  found->second.endpoints = std::move(endpoints);
  found->second.ready = true;
  return true;
}

bool EnvTable::look_up(EnvId env, net::Directory::Entry& entry) const {
  std::lock_guard const lock{mutex_};
  auto const found = rows_.find(env);
  if (found == rows_.end()) return false;
  auto const& row = found->second;
  entry.peer = {row.env, row.epoch};
  entry.endpoints.clear();
  for (auto const& endpoint : row.endpoints) entry.endpoints.push_back({endpoint});
  entry.gone = row.gone;
  return true;
}

std::vector<EnvRow> EnvTable::rows() const {
  std::lock_guard const lock{mutex_};
  auto const values = std::views::values(rows_);
  return {values.begin(), values.end()};
}

std::vector<EnvId> EnvTable::live() const {
  std::vector<EnvId> envs;
  std::lock_guard const lock{mutex_};
  for (auto const& [env, row] : rows_)
    if (row.ready) envs.push_back(env);
  return envs;
}

bool EnvTable::is_ready(EnvId env) const {
  std::lock_guard const lock{mutex_};
  auto const found = rows_.find(env);
  return found != rows_.end() && found->second.ready;
}

}  // namespace corps::mgr

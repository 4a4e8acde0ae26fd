#include "env/host/internal/cores.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

namespace {

constexpr std::size_t cpus_max = std::size_t{1} << 16;

unsigned affinity_cores() {
  // The kernel refuses a set smaller than its own, so it grows until it fits.
  for (std::size_t cpus = CPU_SETSIZE; cpus <= cpus_max; cpus *= 2) {
    std::vector<cpu_set_t> set(cpus / CPU_SETSIZE);
    std::size_t const set_bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, set_bytes, set.data()) == 0) {
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(set_bytes, set.data())));
    }
    if (errno != EINVAL) {
      break;
    }
  }
  return 1;
}

// The beginning of a small file of the kernel, empty where there is none.
std::string read_small(std::string const& path) {
  std::array<char, 4096> buffer{};
  UniqueFd const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t const got = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

// The group of this process in the unified hierarchy, from the line "0::/path"; empty for its root.
std::string control_group() {
  std::string const groups = read_small("/proc/self/cgroup");
  std::size_t const begin = groups.starts_with("0::") ? 0 : groups.find("\n0::");
  if (begin == std::string::npos) {
    return {};
  }
  std::size_t const path = groups.find("::", begin) + 2;
  std::string const group = groups.substr(path, groups.find('\n', path) - path);
  return group.starts_with('/') && group != "/" ? group : std::string();
}

}  // namespace

std::optional<unsigned> cores_of_quota(std::string_view cpu_max) noexcept {
  unsigned long quota_us = 0;
  unsigned long period_us = 0;
  char const* const end = cpu_max.data() + cpu_max.size();
  auto const quota = std::from_chars(cpu_max.data(), end, quota_us);
  if (quota.ec != std::errc() || quota.ptr == end || *quota.ptr != ' ') {
    return std::nullopt;
  }
  auto const period = std::from_chars(quota.ptr + 1, end, period_us);
  if (period.ec != std::errc() || period_us == 0 || quota_us == 0) {
    return std::nullopt;
  }
  unsigned long const cores = quota_us / period_us + (quota_us % period_us != 0 ? 1 : 0);
  return static_cast<unsigned>(std::min(cores, static_cast<unsigned long>(cpus_max)));
}

unsigned usable_cores() {
  unsigned cores = affinity_cores();
  // Each group above can have a quota as well, up to the root: inside a container that is the container's own.
  for (std::string group = control_group();; group.resize(group.find_last_of('/'))) {
    if (auto const quota = cores_of_quota(read_small("/sys/fs/cgroup" + group + "/cpu.max"))) {
      cores = std::min(cores, *quota);
    }
    if (group.empty()) {
      break;
    }
  }
  return std::max(1U, cores);
}

void name_thread(std::string_view name) noexcept {
  std::array<char, 16> text{};
  std::memcpy(text.data(), name.data(), std::min(name.size(), text.size() - 1));
  ::pthread_setname_np(::pthread_self(), text.data());
}

}  // namespace corps::host

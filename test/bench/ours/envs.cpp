// envs-*: how long a Corps of many Envs takes to be up, and what their links need once each Env has called each other one
#include <cstdio>
#include <filesystem>
#include <vector>

#include "test/bench/ours/rows.hpp"

struct Needs {
  std::uint64_t bytes = 0;
  std::uint64_t descriptors = 0;
};

class EnvProbe : public corps::Conc {
 public:
  void touch() {}
  corps::Task<> call_all(std::vector<corps::Name<EnvProbe>> all, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      for (auto const other : all)
        if (other.address().env != my_env()) co_await other.call<&EnvProbe::touch>();
  }
  static constexpr bool corps_interleaved = true;  // while it calls all others, they call it

  /// Of this process. Memory that processes share counts in parts.
  Needs needs() {
    Needs needs;
    auto* const file = std::fopen("/proc/self/smaps_rollup", "r");
    bench::expect(file != nullptr, "/proc/self/smaps_rollup cannot be read");
    std::array<char, 256> line{};
    unsigned long kib = 0;
    while (std::fgets(line.data(), line.size(), file) != nullptr)
      if (std::sscanf(line.data(), "Pss: %lu kB", &kib) == 1) needs.bytes = std::uint64_t{kib} * 1024;
    std::fclose(file);
    bench::expect(needs.bytes != 0, "/proc/self/smaps_rollup does not say how much memory there is");
    for ([[maybe_unused]] auto const& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) ++needs.descriptors;
    return needs;
  }
};

namespace {

Needs sum(std::vector<corps::Name<EnvProbe>> const& probes) {
  Needs all;
  for (auto const probe : probes) {
    auto const one = probe.call<&EnvProbe::needs>().get();
    all.bytes += one.bytes;
    all.descriptors += one.descriptors;
  }
  return all;
}

/// Each Env calls each other one so many times, one by one, all at once.
void all_to_all(std::vector<corps::Name<EnvProbe>> const& probes, std::uint64_t times) {
  std::vector<corps::Future<void>> calls;
  for (auto const probe : probes) calls.push_back(probe.call<&EnvProbe::call_all>(probes, times));
  for (auto& call : calls) call.get();
}

}  // namespace

namespace ours {

void envs() {
  auto const row = std::string{bench::running};
  bench::report(row + "-boot", static_cast<double>(boot_ns));
  auto const probes = corps::create<EnvProbe>(corps::per_env(1)).get();
  sum(probes);  // what is made once, and the links of Env 0, which are there since the boot
  auto const before = sum(probes);
  all_to_all(probes, 1);
  auto const after = sum(probes);
  auto const pairs = static_cast<double>(probes.size() * (probes.size() - 1));
  bench::report(row + "-call", bench::ns_each(1, [&](std::uint64_t times) { all_to_all(probes, times); }) / pairs);
  auto const others = static_cast<double>(probes.size() - 1);
  auto const new_links = others * (others - 1) / 2;  // between two of those that are not Env 0
  if (new_links == 0) return;
  bench::report(row + "-link-bytes", static_cast<double>(after.bytes - before.bytes) / new_links);
  bench::report(row + "-link-descriptors", static_cast<double>(after.descriptors - before.descriptors) / (2 * new_links));
}

}  // namespace ours

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace corps::host {

/// Where random bytes come from: secrets, nonces, jitter.
/// Threads: fill() may be called by several threads at once.
class Random {
 public:
  virtual ~Random();
  /// Fills all of `out`. The system's source ends the process where the kernel has no random bytes to give: nothing that is built
  /// on a secret may go on without one.
  virtual void fill(std::span<std::byte> out) = 0;

  /// The kernel's generator, fit for secrets. Lives as long as the process.
  static Random& system();
};

/// Eight random bytes as a number.
std::uint64_t random_u64(Random& random);

/// The twin for tests: the same seed gives the same bytes, however the calls cut them. Never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept : state_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  std::mutex mutex_;
  std::uint64_t state_;
  std::uint64_t word_ = 0;
  unsigned bytes_left_ = 0;  // of word_
};

}  // namespace corps::host

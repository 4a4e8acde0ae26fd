#include "env/host/internal/random.hpp"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace corps::host {

namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      ssize_t const got = ::getrandom(out.data(), out.size(), 0);
      if (got > 0) {
        out = out.subspan(static_cast<std::size_t>(got));
      } else if (errno != EINTR) {
        std::perror("corps: the system has no random bytes to give (getrandom)");
        std::abort();
      }
    }
  }
};

}  // namespace

Random::~Random() = default;

Random& Random::system() {
  static SystemRandom& random = *new SystemRandom;  // never destroyed: threads that outlive main may still ask
  return random;
}

std::uint64_t random_u64(Random& random) {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  random.fill(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

// splitmix64: tiny, and any seed is a good one.
void SeededRandom::fill(std::span<std::byte> out) {
  std::lock_guard const lock(mutex_);
  for (auto& byte : out) {
    if (bytes_left_ == 0) {
      state_ += 0x9e3779b97f4a7c15ULL;
      std::uint64_t mixed = state_;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
      word_ = mixed ^ (mixed >> 31);
      bytes_left_ = sizeof(word_);
    }
    byte = static_cast<std::byte>(word_ & 0xff);
    word_ >>= 8;
    --bytes_left_;
  }
}

}  // namespace corps::host

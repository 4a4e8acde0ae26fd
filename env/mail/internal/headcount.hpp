#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace corps::mail {

/// How many Workers there are. Threads that begin and end Workers side by side count each in a place of its own.
/// Threads: any.
class Headcount {
 public:
  void one_began() noexcept { own().began.fetch_add(1, std::memory_order_seq_cst); }
  void one_ended() noexcept { own().ended.fetch_add(1, std::memory_order_seq_cst); }
  /// Never 0 while there is one: who has ended is counted first. Of those who end one after the other, the last sees 0
  /// afterwards, if none begins.
  bool none() const noexcept {
    std::uint64_t ended = 0;
    std::uint64_t began = 0;
    for (auto const& count : counts_) ended += count.ended.load(std::memory_order_seq_cst);
    for (auto const& count : counts_) began += count.began.load(std::memory_order_seq_cst);
    return began == ended;
  }

 private:
  struct alignas(64) Count {
    std::atomic<std::uint64_t> began{0};
    std::atomic<std::uint64_t> ended{0};
  };
  static constexpr std::size_t places = 16;
  Count& own() noexcept {
    thread_local constinit std::uint8_t place = places;
    if (place == places) [[unlikely]]
      place = static_cast<std::uint8_t>(next_.fetch_add(1, std::memory_order_relaxed) % places);
    return counts_[place];
  }

  std::array<Count, places> counts_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace corps::mail

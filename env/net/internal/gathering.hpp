#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "env/net/internal/carrier.hpp"

namespace corps::net {

/// A peer to which a turn has sent something.
struct Gathered {
  std::shared_ptr<Carrier> carrier;
  std::size_t frames = 0;  // that wait
};

/// Around the turn of a Worker: what it sends leaves in few pieces. The first frame to a peer leaves at once, unless turns before
/// this one have sent several; those after it leave together, at the end of the turn, before its thread blocks, or when they are
/// many. If the turn takes long meanwhile, the carrier sends them by itself (Carrier::flush_in_time). Thread: its own.
class Gathering {
 public:
  Gathering() noexcept : outer_(own_) { own_ = this; }
  ~Gathering() {
    if (entries_) leave();
    own_ = outer_;
  }
  Gathering(Gathering const&) = delete;
  Gathering& operator=(Gathering const&) = delete;

  /// A frame is in the outbox of a carrier. Outside of turns it leaves at once.
  class Departure {
   public:
    /// With the locks held under which the carrier is known.
    void by(std::shared_ptr<Carrier> const& carrier) {
      gathered_ = own_ == nullptr ? nullptr : own_->find(carrier.get());
      if (gathered_ == nullptr) carrier_ = carrier;
    }
    /// Without.
    void go() {
      if (gathered_ != nullptr) return add_to(*gathered_);
      if (carrier_ == nullptr) return;
      if (own_ == nullptr) return carrier_->flush();
      own_->begin(std::move(carrier_));
    }

   private:
    Gathered* gathered_ = nullptr;
    std::shared_ptr<Carrier> carrier_;  // of which the turn has nothing yet
  };
  /// This thread will block: what it has gathered leaves.
  static void leave_now() {
    if (own_ != nullptr && own_->entries_) own_->leave();
  }

 private:
  static constexpr std::size_t peers_max = 4;    // to others everything leaves at once
  static constexpr std::size_t frames_max = 32;  // then they leave

  /// What the turn has sent to it.
  Gathered* find(Carrier const* carrier) noexcept {
    if (!entries_ || carrier == nullptr) return nullptr;
    for (auto& entry : *entries_)
      if (entry.carrier.get() == carrier) return &entry;
    return nullptr;
  }
  static void add_to(Gathered& gathered);
  void begin(std::shared_ptr<Carrier> carrier);
  void leave();

  static inline constinit thread_local Gathering* own_ = nullptr;

  Gathering* const outer_;
  std::optional<std::array<Gathered, peers_max>> entries_;  // most turns send nothing to other Envs
};

}  // namespace corps::net

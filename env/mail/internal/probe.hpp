#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "env/mail/internal/probe_way.hpp"

namespace corps::mail {

inline constexpr std::size_t probe_hops_max = 1000;  // a longer chain of waits ends by its deadline
inline constexpr std::size_t probe_way_max = 100;    // links in one round

/// One wait on the way of a probe, as all Envs understand it. What is a `…_id` means something in the Env of `worker` only, and
/// is compared there.
struct Hop {
  ConcAddr worker;
  std::uint64_t by_id = 0;  // the request that waits
  std::uint64_t by_method = 0;
  std::uint64_t call_id = 0;
  std::uint64_t method = 0;  // 0: it waits for a Task of its own
  ConcAddr target;
  /// When it began, by the clock on the wall as its Env has seen it at first: so it is the same number whoever asks, and with
  /// `call_id` it means this wait and none that began later.
  std::int64_t born_ns = 0;
  bool begun = false;  // the call was, when the probe followed it

  bool operator==(Hop const&) const = default;
  bool is_call() const noexcept { return method != 0; }
};

/// Names the whole ring, from the wait that ends.
std::string text_of_cycle(std::vector<Hop> const& hops, std::size_t first);

/// Goes from wait to wait, and comes home whatever it finds: so a Worker never has more than one of them under way. In another
/// Env it is there as a copy made from its bytes; see probe_travel.cpp.
class Probe final : public detail::Envelope {
 public:
  Probe(ConcAddr home, detail::Request const* origin) : Envelope(detail::EnvelopeKind::control), home_(home), origin_(origin) {}
  ~Probe() override;

  /// At home. It owns itself from here on.
  void start(detail::Cell& cell) { follow(cell, origin_); }

  void arrive(detail::Cell& cell) override;
  void undeliverable() noexcept override { go_home(); }

  /// One that came with a frame; see probe_way.hpp.
  static void came(EnvId from, ServedCall served, Unpacker& in);
  static void came_back(Unpacker& in);

 private:
  enum class Round : std::uint8_t { first, confirms, ends_wait };

  void go(ConcId to) noexcept;
  void go_home() noexcept;
  void next(detail::Cell& cell);
  void close_round(detail::Cell& cell);
  void begin_round(detail::Cell& cell, Round round);
  void follow(detail::Cell& cell, detail::Request const* by);
  bool note(detail::Cell const& cell, detail::Request const& by, detail::Request const& wait);
  void end_wait(detail::Cell& cell, detail::Request& wait);
  std::size_t youngest() const noexcept;
  Hop& last_hop() noexcept { return round_ == Round::first ? hops_.back() : hops_[confirmed_ - 1]; }

  // Across links.
  void go_abroad(EnvId to, std::uint64_t number) noexcept;
  void send_home() noexcept;
  bool unpack(Unpacker& in);

  ConcAddr home_;
  detail::Request const* origin_;  // where it began; at home only
  std::vector<Hop> hops_;
  detail::Request const* call_ = nullptr;  // what it follows
  bool begun_ = false;                     // the target had begun the call when it set out
  bool comes_home_ = false;
  bool visits_ = false;  // the home is in another Env
  Round round_ = Round::first;
  std::size_t confirmed_ = 0;  // hops, in this round
  std::size_t chosen_ = 0;     // the wait that ends
  std::int64_t age_ns_ = 0;    // of the wait it began with; 0: look again soon
  std::uint64_t serial_ = 0;   // its home knows it by, while it is in other Envs
  std::vector<EnvId> way_;     // the Envs it came through in this round, home first
};

/// A probe of this Worker is home, having found nothing, or ended what it found. In the Worker's turn.
void probe_is_home(detail::Cell& cell, std::int64_t age_ns) noexcept;

/// When the probe of this Worker left for other Envs; 0: it is in this one.
std::int64_t probe_abroad_since(ConcId home) noexcept;
/// It is not waited for any more, and means nothing should it come home. False: it is in this Env, after all.
bool forget_probe_abroad(ConcId home) noexcept;

}  // namespace corps::mail

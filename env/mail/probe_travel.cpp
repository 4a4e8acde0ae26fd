// Probes between Envs. What goes over a link is the whole probe, as bytes; nothing of it stays in the Envs it has left, but for a
// note at home by which it is known again. So whatever becomes of the bytes, no Env waits for anything but its own probes, and
// for these not long.

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "corps/pack.hpp"
#include "env/mail/internal/call_cycle.hpp"
#include "env/mail/internal/probe.hpp"

namespace corps::mail {
namespace {

using detail::Request;

constexpr std::size_t abroad_max = 10'000;    // probes of this Env in others
constexpr std::uint32_t visits_max = 10'000;  // probes of others in this Env
constexpr std::size_t probe_bytes_max = std::size_t{128} << 10;

std::atomic<ProbeWay*> probe_way{nullptr};
std::atomic<std::uint32_t> visits{0};

/// What this Env knows of its probes that are in others: one a Worker, at most.
class Abroad {
 public:
  struct Note {
    std::uint64_t serial = 0;
    Request const* origin = nullptr;
    std::int64_t age_ns = 0;
    std::int64_t since_ns = 0;
  };

  /// The serial it is known by from here on; 0: too many are away.
  std::uint64_t add(ConcId home, Request const* origin, std::int64_t age_ns) {
    auto const now = detail::now_ns();
    std::lock_guard const lock{mutex_};
    if (notes_.size() >= abroad_max)  // those of Workers that have ended meanwhile
      std::erase_if(notes_, [now](auto const& entry) { return entry.second.since_ns < now - 2 * probe_lost_ns; });
    if (notes_.size() >= abroad_max) return 0;
    notes_.insert_or_assign(home, Note{++last_serial_, origin, age_ns, now});
    return last_serial_;
  }
  /// A null serial if that one is not known, or not any more.
  Note take(ConcId home, std::uint64_t serial) {
    std::lock_guard const lock{mutex_};
    auto const found = notes_.find(home);
    if (found == notes_.end() || found->second.serial != serial) return {};
    auto const note = found->second;
    notes_.erase(found);
    return note;
  }
  std::int64_t since_ns(ConcId home) {
    std::lock_guard const lock{mutex_};
    auto const found = notes_.find(home);
    return found == notes_.end() ? 0 : found->second.since_ns;
  }
  bool forget(ConcId home) {
    std::lock_guard const lock{mutex_};
    return notes_.erase(home) != 0;
  }

 private:
  std::mutex mutex_;  // a leaf
  std::unordered_map<ConcId, Note> notes_;
  std::uint64_t last_serial_ = 0;
};

Abroad& abroad() {
  static Abroad all;
  return all;
}

/// What each frame of a probe begins with, after its number.
struct ProbeHead {
  ConcAddr home;
  std::uint64_t serial = 0;
  std::vector<EnvId> way;  // the Envs it came through, home first
};

ProbeHead take_head(Unpacker& in) {
  ProbeHead head;
  in(head.home, head.serial, head.way);
  if (head.way.size() > probe_way_max) in.fail("a probe came over more links than it may");
  return head;
}

/// One step back on its way. Dropped if there is no link: its home does not wait for ever.
void pass_home(ProbeHead head) noexcept {
  auto* const way = probe_way.load(std::memory_order_acquire);
  if (way == nullptr || head.way.empty()) return;
  auto const to = head.way.back();
  head.way.pop_back();
  detail::ByteBuffer body;
  Packer out{body, probe_bytes_max};
  out(probe_goes_home, head.home, head.serial, head.way);
  way->send_probe(to, probe_goes_home, body.view());
}

}  // namespace

Probe::~Probe() {
  if (visits_) visits.fetch_sub(1, std::memory_order_relaxed);
}

/// After a call that is in another Env.
void Probe::go_abroad(EnvId to, std::uint64_t number) noexcept {
  auto* const way = probe_way.load(std::memory_order_acquire);
  if (way == nullptr || number == 0 || way_.size() == probe_way_max) return go_home();
  if (!visits_) serial_ = abroad().add(home_.conc, origin_, age_ns_);
  if (serial_ == 0) return go_home();
  way_.push_back(detail::env_facts.env);
  detail::ByteBuffer body;
  Packer out{body, probe_bytes_max};
  out(number, home_, serial_, way_, static_cast<std::uint8_t>(round_), static_cast<std::uint32_t>(confirmed_),
      static_cast<std::uint32_t>(chosen_), hops_);
  bool const sent = way->send_probe(to, number, body.view());
  if (!sent) way_.pop_back();
  // Sent, it may be home already; not sent, it may have been given up.
  if (sent || (!visits_ && abroad().take(home_.conc, serial_).serial == 0)) {
    delete this;
    return;
  }
  go_home();
}

void Probe::send_home() noexcept { pass_home({home_, serial_, std::move(way_)}); }

/// What stands behind the head. It has come from the Env that is the last on its way.
bool Probe::unpack(Unpacker& in) {
  std::uint8_t round = 0;
  std::uint32_t confirmed = 0;
  std::uint32_t chosen = 0;
  in(round, confirmed, chosen, hops_);
  in.finish();
  round_ = static_cast<Round>(round);
  confirmed_ = confirmed;
  chosen_ = chosen;
  if (hops_.empty() || hops_.size() > probe_hops_max || round > static_cast<std::uint8_t>(Round::ends_wait)) return false;
  return (round_ == Round::first ? confirmed_ == 0 : confirmed_ >= 1) && confirmed_ <= hops_.size() && chosen_ < hops_.size();
}

void Probe::came(EnvId from, ServedCall served, Unpacker& in) {
  auto head = take_head(in);
  if (head.way.empty() || head.way.back() != from) in.fail("a probe that came another way than it says");
  auto probe = std::make_unique<Probe>(head.home, nullptr);
  if (!probe->unpack(in)) throw DecodeError{"a probe that no Env sends"};
  probe->serial_ = head.serial;
  probe->way_ = std::move(head.way);
  if (head.home.env == detail::env_facts.env) {
    auto const note = abroad().take(head.home.conc, head.serial);
    if (note.serial == 0) return;  // too late
    probe->origin_ = note.origin;
    probe->age_ns_ = note.age_ns;
  } else {
    probe->visits_ = true;
    if (visits.fetch_add(1, std::memory_order_relaxed) >= visits_max) return probe.release()->go_home();
  }
  auto& hop = probe->last_hop();
  bool const as_before = probe->round_ == Round::first || hop.begun == served.begun;
  hop.begun = served.begun;
  if (served.call == nullptr || !as_before) return probe.release()->go_home();
  probe->call_ = served.call;
  probe->begun_ = served.begun;
  probe.release()->go(served.by);
}

void Probe::came_back(Unpacker& in) {
  auto head = take_head(in);
  in.finish();
  if (head.home.env != detail::env_facts.env) return pass_home(std::move(head));
  auto const note = abroad().take(head.home.conc, head.serial);
  if (note.serial == 0) return;
  auto* const probe = new Probe{head.home, note.origin};
  probe->age_ns_ = note.age_ns;
  probe->go_home();
}

std::int64_t probe_abroad_since(ConcId home) noexcept { return abroad().since_ns(home); }
bool forget_probe_abroad(ConcId home) noexcept { return abroad().forget(home); }

ProbeWay* set_probe_way(ProbeWay* way) noexcept { return probe_way.exchange(way, std::memory_order_acq_rel); }

void probe_came(EnvId from, ServedCall served, Unpacker& in) { Probe::came(from, served, in); }
void probe_came_back(Unpacker& in) { Probe::came_back(in); }

}  // namespace corps::mail

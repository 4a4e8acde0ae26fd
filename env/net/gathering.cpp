#include "env/net/internal/gathering.hpp"

#include <utility>

#include "corps/detail/cell.hpp"

namespace corps::net {

void Gathering::add_to(Gathered& gathered) {
  if (++gathered.frames < frames_max) return gathered.carrier->flush_in_time();
  gathered.frames = 0;
  gathered.carrier->flush();
}

void Gathering::begin(std::shared_ptr<Carrier> carrier) {
  if (!entries_) entries_.emplace();
  for (auto& entry : *entries_) {
    if (entry.carrier != nullptr) continue;
    entry.carrier = carrier;
    entry.frames = carrier->flush_in_time_again() ? 1 : 0;
    if (entry.frames != 0) return;
    break;
  }
  carrier->flush();
}

void Gathering::leave() {
  bool flushed = false;
  for (auto& entry : *entries_) {
    if (std::exchange(entry.frames, 0) == 0) continue;
    entry.carrier->flush();
    flushed = true;
  }
  if (flushed) (void)detail::recent_now_ns();  // the next turn goes on from there
}

}  // namespace corps::net

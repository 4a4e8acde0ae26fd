#include "env/net/internal/gathering.hpp"

#include <utility>

namespace corps::net {

void Gathering::add(std::shared_ptr<Carrier> carrier) {
  if (!entries_) entries_.emplace();
  for (auto& entry : *entries_) {
    if (entry.carrier == carrier) {
      if (++entry.frames < frames_max) return carrier->flush_in_time();
      entry.frames = 0;
      return carrier->flush();
    }
    if (entry.carrier == nullptr) {
      entry.carrier = carrier;
      entry.frames = carrier->flush_in_time_again() ? 1 : 0;
      if (entry.frames != 0) return;
      break;
    }
  }
  carrier->flush();
}

void Gathering::leave() {
  for (auto& entry : *entries_)
    if (std::exchange(entry.frames, 0) != 0) entry.carrier->flush();
}

}  // namespace corps::net

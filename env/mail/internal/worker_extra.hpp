#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "env/mail/internal/select.hpp"

namespace corps::detail {

/// The fixed envelope with which the deadline clock asks a Worker to look at its open calls.
struct Tick final : Envelope {
  Tick() : Envelope(EnvelopeKind::control) {}
  void arrive(Cell& cell) override;
  void undeliverable() noexcept override { on_its_way.store(false, std::memory_order_release); }
  std::atomic<bool> on_its_way{false};
};

/// What few Workers have, hung off their cell so that the others do not pay for it. `Cell::extra()` makes it when it is
/// first needed, `Cell::reset()` frees it when the Worker ends.
/// Threads: in the Worker's own turn, or before it has any. Another thread may hold on to a part only while something
/// keeps the Worker from ending, as an entry under the deadline clock's mutex does.
struct WorkerExtra {
  std::string tag;
  std::int64_t in_clock_ns = never_ns;  // the deadline clock's own note of its entry, under its mutex
  Tick tick;
  mail::Selection selection;
  ContextRef context;       // of a plain thread
  std::string failed_with;  // what ended the Worker, for who watches it
};

}  // namespace corps::detail

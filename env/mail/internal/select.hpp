#pragma once

#include <memory>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/local_request.hpp"
#include "corps/detail/receiving.hpp"
#include "corps/receive.hpp"

/// Which of the requests that wait may begin though the Worker is busy: those for methods that its class interleaves, and those
/// that its main loop receives. Only for cells of classes that declare the one or the other.
namespace corps::mail {

/// A receive that goes on.
struct Receiving final : detail::LocalRequest<detail::Reply<Received>> {
  explicit Receiving(detail::Pattern which) : LocalRequest(nullptr), pattern(which) {}

  detail::Pattern const pattern;
  detail::Request const* serving = nullptr;
};

/// Part of a Worker's extra.
struct Selection {
  Selection() = default;
  Selection(Selection const&) = delete;
  Selection& operator=(Selection const&) = delete;
  ~Selection();

  /// The requests up to here cannot begin beside another; null: none was looked at.
  detail::Envelope* before = nullptr;
  /// The one after it can.
  bool found = false;
  Receiving* receiving = nullptr;
};

/// Ends the requests that wait past their deadline, so that they make room, and has the deadline clock send the tick for the
/// next. What began to wait in front of an idle Worker may be in the queue for as long as its main loop likes.
void end_late_requests(detail::Cell& cell) noexcept;

/// The main loop of a class that receives has begun: from now on it counts as what the Worker is busy with.
void main_begins(detail::Cell& cell) noexcept;

/// The Worker is about to run the request.
void begins(detail::Cell& cell, detail::Request const& request) noexcept;

/// The request has ended. The receive that ends with it, to be finished when the request has left; or null.
Receiving* ends(detail::Cell& cell, detail::Request const& request) noexcept;

}  // namespace corps::mail

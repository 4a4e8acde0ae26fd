#pragma once

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"

/// What a class overrides to see the requests of its objects: `on_request` and `on_reply`. Only for cells with the hook.
namespace corps::mail {

struct Receiving;

/// The Worker is about to run the request. False: the class refused it, and it is on its way home.
bool before_request(detail::Cell& cell, detail::Request& request) noexcept;

/// The request has its result or its error, and has not left yet.
/// Returns the receive that ends with it, to be finished when the request has left; or null.
Receiving* after_request(detail::Cell& cell, detail::Request const& request) noexcept;

}  // namespace corps::mail

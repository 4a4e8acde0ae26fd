#pragma once

#include <memory>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/watch.hpp"

/// Who waits for the end of Workers of this Env.
namespace corps::mail {

/// The Worker has ended, and its mailbox is closed: tells whoever watches it.
void tell_watchers(detail::Cell& cell) noexcept;

/// Whoever watches from the other end of this link cannot be told any more.
void forget_watchers(detail::Origin const& link) noexcept;

/// How many watches there are, of Workers of this Env.
std::size_t watches() noexcept;

}  // namespace corps::mail

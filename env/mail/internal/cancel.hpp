#pragma once

#include "corps/detail/cell.hpp"

namespace corps::mail {

/// Cancels a Task of this Worker that has no Future, in a turn of its own.
void cancel_task(detail::Cell& cell, detail::Request& task);

/// A request that this Worker has begun was cancelled: what it waits for ends. Any thread.
void tell_of_cancel(ConcId served_by) noexcept;

/// The same, of one that was handed on.
void tell_of_cancel(detail::HandedOn const& served_by) noexcept;

/// Tells another Env that the caller has given up the call of this number. Any thread.
void cancel_in_other_env(EnvId env, std::uint64_t number) noexcept;

}  // namespace corps::mail

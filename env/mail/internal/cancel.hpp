#pragma once

#include "corps/detail/cell.hpp"

namespace corps::mail {

/// Cancels a Task of this Worker that has no Future, in a turn of its own.
void cancel_task(detail::Cell& cell, detail::Request& task);

}  // namespace corps::mail

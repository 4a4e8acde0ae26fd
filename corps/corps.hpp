#pragma once

/// Everything an application is written with.

#include "corps/address.hpp"     // IWYU pragma: export
#include "corps/alive.hpp"       // IWYU pragma: export
#include "corps/app.hpp"         // IWYU pragma: export
#include "corps/bind.hpp"        // IWYU pragma: export
#include "corps/blocking.hpp"    // IWYU pragma: export
#include "corps/cancel.hpp"      // IWYU pragma: export
#include "corps/combine.hpp"     // IWYU pragma: export
#include "corps/conc.hpp"        // IWYU pragma: export
#include "corps/config.hpp"      // IWYU pragma: export
#include "corps/context.hpp"     // IWYU pragma: export
#include "corps/create.hpp"      // IWYU pragma: export
#include "corps/error.hpp"       // IWYU pragma: export
#include "corps/fan_out.hpp"     // IWYU pragma: export
#include "corps/forward.hpp"     // IWYU pragma: export
#include "corps/func.hpp"        // IWYU pragma: export
#include "corps/future.hpp"      // IWYU pragma: export
#include "corps/idempotent.hpp"  // IWYU pragma: export
#include "corps/incoming.hpp"    // IWYU pragma: export
#include "corps/map.hpp"         // IWYU pragma: export
#include "corps/name.hpp"        // IWYU pragma: export
#include "corps/overflow.hpp"    // IWYU pragma: export
#include "corps/pack.hpp"        // IWYU pragma: export
#include "corps/placement.hpp"   // IWYU pragma: export
#include "corps/promise.hpp"     // IWYU pragma: export
#include "corps/readable.hpp"    // IWYU pragma: export
#include "corps/receive.hpp"     // IWYU pragma: export
#include "corps/spawn.hpp"       // IWYU pragma: export
#include "corps/stream.hpp"      // IWYU pragma: export
#include "corps/task.hpp"        // IWYU pragma: export
#include "corps/time.hpp"        // IWYU pragma: export
#include "corps/told.hpp"        // IWYU pragma: export
#include "corps/watch.hpp"       // IWYU pragma: export

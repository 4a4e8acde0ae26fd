#pragma once

namespace corps::host {

/// Tells the core that this thread looks at something again and again.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace corps::host

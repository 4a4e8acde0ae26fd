#pragma once

#include <cstddef>

namespace corps::host {

/// Gives this thread a stack for signal handlers, so that they can run when its own has overflowed; until the end of the scope.
/// Does nothing where the thread has one, or no memory is to be had.
class SignalStack {
 public:
  SignalStack() noexcept;
  ~SignalStack();
  SignalStack(SignalStack const&) = delete;
  SignalStack& operator=(SignalStack const&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace corps::host

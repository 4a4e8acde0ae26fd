#include "env/host/internal/signal_stack.hpp"

#include <sys/mman.h>

#include <csignal>

namespace corps::host {
namespace {

constexpr std::size_t stack_bytes = std::size_t{64} << 10;  // AVX-512 state alone takes some 3 KiB; only what is used is resident

}  // namespace

SignalStack::SignalStack() noexcept {
  stack_t before{};
  if (::sigaltstack(nullptr, &before) != 0 || (before.ss_flags & SS_DISABLE) == 0) return;
  auto* const memory = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t const stack{memory, 0, stack_bytes};
  if (::sigaltstack(&stack, nullptr) == 0)
    memory_ = memory;
  else
    ::munmap(memory, stack_bytes);
}

SignalStack::~SignalStack() {
  if (memory_ == nullptr) return;
  stack_t off{};
  off.ss_flags = SS_DISABLE;
  ::sigaltstack(&off, nullptr);
  ::munmap(memory_, stack_bytes);
}

}  // namespace corps::host

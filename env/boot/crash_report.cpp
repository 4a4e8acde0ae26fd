#include "env/boot/internal/crash_report.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "corps/detail/cell.hpp"
#include "corps/detail/class_record.hpp"
#include "corps/detail/conc_id.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/worker_extra.hpp"

namespace corps::startup {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

constexpr std::array crash_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::array<char, 64> name_of_env{};

/// A line built without memory, locks or libraries: what a signal handler may do.
class Line {
 public:
  Line& add(std::string_view text) noexcept {
    auto const length = std::min(text.size(), bytes_.size() - 1 - used_);
    std::copy_n(text.data(), length, bytes_.data() + used_);
    used_ += length;
    return *this;
  }
  Line& add(std::uint64_t number, unsigned base = 10) noexcept {
    std::array<char, 20> digits;
    auto at = digits.size();
    do {
      digits[--at] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    return add({digits.data() + at, digits.size() - at});
  }
  void write() noexcept {
    bytes_[used_++] = '\n';
    (void)!::write(STDERR_FILENO, bytes_.data(), used_);
  }

 private:
  std::array<char, 1024> bytes_;
  std::size_t used_ = 0;
};

std::string_view name_of_signal(int number) noexcept {
  switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGABRT: return "SIGABRT";
    default: return "a signal";
  }
}

/// The Worker is this thread's own: nobody else changes what is read of it.
void add_worker(Line& line, detail::Cell const& cell) noexcept {
  if (cell.cls == nullptr) return;
  auto const id = cell.id.load(std::memory_order_relaxed);
  auto const parts = detail::split(id);
  line.add(" in a turn of ").add(cell.cls->name);
  if (auto const* const extra = cell.extra_if_any(); extra != nullptr && !extra->tag.empty())
    line.add(" '").add(extra->tag).add("'");
  line.add(" at env ").add(detail::env_facts.env).add(", conc ").add(parts.slot).add(".").add(parts.use);
  auto const* const method = cell.doing.load(std::memory_order_relaxed);
  if (method == nullptr) return;
  line.add(", which runs ");
  if (method->id.method_name.empty()) {
    line.add("a Task of its own");
    return;
  }
  if (!method->id.class_name.empty()) line.add(method->id.class_name).add("::");
  line.add(method->id.method_name);
}

/// Set with SA_RESETHAND: what comes after it has its default effect.
void on_crash(int number, siginfo_t* info, void*) noexcept {
  std::array<char, 17> thread{};
  ::prctl(PR_GET_NAME, thread.data());
  Line line;
  line.add("corps: ").add(name_of_signal(number));
  bool const is_fault = info != nullptr && info->si_code > 0;
  if (is_fault && (number == SIGSEGV || number == SIGBUS))
    line.add(" at address 0x").add(reinterpret_cast<std::uintptr_t>(info->si_addr), 16);  // NOLINT
  line.add(" in thread ").add(thread.data()).add(" (").add(static_cast<std::uint64_t>(::gettid())).add(") of ");
  line.add(name_of_env.data()).add(", process ").add(static_cast<std::uint64_t>(::getpid())).add(",");
  if (auto const* const cell = detail::current_cell; cell != nullptr && cell->cls != nullptr)
    add_worker(line, *cell);
  else
    line.add(" in no Worker's turn");
  line.write();
  if (!is_fault) ::raise(number);  // a fault happens again when the instruction is tried again
}

}  // namespace

void report_crashes(std::string_view env_name) {
  if (sanitized) return;
  auto const length = std::min(env_name.size(), name_of_env.size() - 1);
  std::copy_n(env_name.data(), length, name_of_env.data());
  name_of_env[length] = '\0';
  for (auto const number : crash_signals) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action.sa_sigaction = on_crash;
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace corps::startup

#include "env/host/internal/thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "env/host/internal/cores.hpp"

namespace corps::host {
namespace {

/// A new thread has the mask of the one that starts it.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(NoSignals const&) = delete;
  NoSignals& operator=(NoSignals const&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::thread start_thread(std::string name, std::function<void()> body) {
  NoSignals const no_signals;
  return std::thread{[name = std::move(name), body = std::move(body)] {
    name_thread(name);
    body();
  }};
}

}  // namespace corps::host

#include "test/kit/twin.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "corps/corps.hpp"
#include "env/mail/internal/slab.hpp"
#include "test/kit/internal/baton.hpp"

namespace corps::test {

class TwinFront : public Corps {};

class Twin::Impl {
 public:
  Impl(std::uint64_t of_seed, TwinOptions with)
      : seed(of_seed), options(std::move(with)), baton(seed, options.turn_takes_max.count()), began_ns(baton.now_ns()) {}

  void boot() {
    BootOptions boot;
    boot.set = options.settings;
    boot.set.insert(boot.set.begin(), {"env.threads=1", "log.level=\"off\""});
    corps.emplace(corps::boot<TwinFront>(boot));
  }
  void run_body(std::function<void()> const& body) {
    boot();
    std::exception_ptr failure;
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
    try {
      baton.join();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
    corps->stop();
    if (failure) std::rethrow_exception(failure);
  }

  std::uint64_t seed;
  TwinOptions options;
  Baton baton;
  std::int64_t began_ns;
  std::optional<Booted<TwinFront>> corps;
};

namespace {

/// A number from the environment; `otherwise` where there is none.
std::uint64_t number_of(char const* variable, std::uint64_t otherwise) {
  char const* const text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  auto const number = std::strtoull(text, &end, 10);
  if (*end != '\0') throw std::invalid_argument{std::string{variable} + " is \"" + text + "\", and should be a number"};
  return number;
}

void say_failed(std::uint64_t seed) {
  std::fprintf(stderr, "twin: seed %llu failed; TEST_SEED=%llu runs it alone\n", static_cast<unsigned long long>(seed),
               static_cast<unsigned long long>(seed));
  std::fflush(stderr);
}

}  // namespace

Twin::Twin(std::uint64_t seed, TwinOptions options) : impl_(std::make_unique<Impl>(seed, std::move(options))) {}
Twin::~Twin() = default;

void Twin::run(std::function<void()> body) {
  impl_->baton.run_first("the first thread", [this, run = std::move(body)] { impl_->run_body(run); });
  if (auto const failure = impl_->baton.failure()) std::rethrow_exception(failure);
}

void Twin::thread(std::string name, std::function<void()> body) { impl_->baton.add(std::move(name), std::move(body)); }
void Twin::join() { impl_->baton.join(); }

void Twin::advance(std::chrono::nanoseconds by) {
  impl_->baton.wait_until([] { return false; }, impl_->baton.deadline_after(by.count()));
  settle();
}
void Twin::settle() { impl_->baton.settle(); }

bool Twin::until(std::function<bool()> is_so, std::chrono::nanoseconds limit) {
  return impl_->baton.wait_until(std::move(is_so), impl_->baton.deadline_after(limit.count()));
}

int Twin::stop() { return impl_->corps->stop(); }

std::chrono::nanoseconds Twin::now() const noexcept { return std::chrono::nanoseconds{impl_->baton.now_ns() - impl_->began_ns}; }
std::uint64_t Twin::random(std::uint64_t bound) { return impl_->baton.random(bound); }
std::uint64_t Twin::seed() const noexcept { return impl_->seed; }
std::uint64_t Twin::trace() const noexcept { return impl_->baton.trace(); }

bool for_seeds(unsigned count, std::function<bool(Twin&)> const& body, TwinOptions const& options) {
  auto const only = number_of("TEST_SEED", 0);
  auto const first = only == 0 ? 1 : only;
  auto const last = only == 0 ? number_of("TEST_SEEDS", count) : only;
  for (auto seed = first; seed <= last; ++seed) {
    Twin twin{seed, options};
    try {
      if (body(twin)) continue;
    } catch (...) {
      say_failed(seed);
      throw;
    }
    say_failed(seed);
    return false;
  }
  return true;
}

}  // namespace corps::test

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corps/conc.hpp"
#include "corps/config.hpp"
#include "corps/create.hpp"
#include "corps/name.hpp"

namespace corps {

/// Base of the Conc that fronts an application: its API to others, made first, in Env 0, once every Env is up. A class
/// of this kind has a constructor that takes `corps::Config const&`, or none.
///
/// Override `on_main` for what the application does by itself; when it ends, the Corps stops with exit code 0 (with 1
/// and a message if it throws). Without it, the Corps serves until it is told to stop.
class Corps : public Conc {};

/// Starts the orderly end of the whole Corps. Returns at once. Any thread, any Env.
/// `exit_code` is what `run` returns; the first call decides.
inline void stop(int exit_code = 0) noexcept { detail::stop_corps(exit_code); }

namespace detail {

/// An application as the process sees it.
struct AppRecord {
  /// A request that constructs the front.
  std::unique_ptr<Request> (*construct)(WorkerInfo info, Config const& config);
};

template <class App>
std::unique_ptr<Request> construct_front(WorkerInfo info, Config const& config) {
  if constexpr (std::is_constructible_v<App, Config const&>) {
    using Op = Create<App, Config>;
    return std::make_unique<Op>(std::move(info), typename Op::Arguments(config));
  } else {
    (void)config;
    using Op = Create<App>;
    return std::make_unique<Op>(std::move(info), typename Op::Arguments());
  }
}

template <class App>
AppRecord app_record() {
  static_assert(std::is_base_of_v<Corps, App>, "corps: an application is a class that derives from corps::Corps");
  static_assert(std::is_constructible_v<App, Config const&> || std::is_default_constructible_v<App>,
                "corps: an application needs a constructor that takes corps::Config const&, or none");
  offer_api<App>();
  return {&construct_front<App>};
}

/// What keeps a Corps running that another program started.
class BootedCorps {
 public:
  virtual ~BootedCorps() = default;
  virtual int stop() noexcept = 0;
};
std::unique_ptr<BootedCorps> boot_app(AppRecord const& app, struct BootRequest const& what);

}  // namespace detail

/// The whole `main` of an application: reads `--config FILE`, `--set key=value` and the rest of the command line, starts
/// the Envs, makes the front, and returns when the Corps has ended. Call it from `main`, once, and do nothing costly
/// before: every Env is a process that runs the same `main` up to here.
/// Returns the exit code: what `stop` was given; 2 for a wrong command line, 3 for a wrong config, 1 for a Corps that
/// failed, 10 for a program of which two methods have one identity, 128 + the number of the signal that ended it.
template <class App>
int run(int argc, char** argv) {
  return detail::run_app(detail::app_record<App>(), argc, argv);
}

/// What `boot` starts.
struct BootOptions {
  std::vector<std::string> config_files;  // read in order, later ones win
  std::vector<std::string> set;           // "key=value", as on the command line
  std::vector<std::string> arguments;     // what the application sees as Config::arguments()
};

/// A Corps that this program started. Destroying it stops the Corps and waits, at most `limits.stop`.
template <class App>
class Booted {
 public:
  explicit Booted(std::unique_ptr<detail::BootedCorps> corps) : corps_(std::move(corps)) {}
  /// The front. Any thread may call it; after `stop` the calls end with WorkerLost.
  Name<App> name() const noexcept { return Name<App>{ConcAddr{0, corps_front_id}}; }
  /// Stops the Corps and returns its exit code; again: the same.
  int stop() noexcept { return corps_->stop(); }

 private:
  std::unique_ptr<detail::BootedCorps> corps_;
};

namespace detail {
struct BootRequest {
  BootOptions const& options;
};
}  // namespace detail

/// Starts a Corps whose Env 0 is this process, and returns when its front is made. Throws ConfigError, and what the
/// front's constructor threw as RemoteError. One Corps a process. With several Envs, call it early in `main`: in the
/// processes of the other Envs, which run the same `main`, it does not return. Signals are the program's own business.
template <class App>
Booted<App> boot(BootOptions const& options = {}) {
  return Booted<App>{detail::boot_app(detail::app_record<App>(), detail::BootRequest{options})};
}

}  // namespace corps

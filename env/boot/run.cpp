#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "corps/app.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/boot/internal/command_line.hpp"
#include "env/boot/internal/crash_report.hpp"
#include "env/boot/internal/layers.hpp"
#include "env/boot/internal/other_env.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/log.hpp"
#include "env/host/internal/memory.hpp"
#include "env/host/internal/process.hpp"
#include "env/host/internal/signals.hpp"
#include "env/mgr/internal/corps_mgr.hpp"

namespace corps::detail {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_program_defect = 10;

int complain(std::string_view text, int exit_code) {
  fmt::print(stderr, "{}\n", text);
  return exit_code;
}

void prepare_process(startup::Loaded const& loaded) {
  auto const name = fmt::format("{}/0", loaded.settings.corps.tag);
  host::name_thread(name);
  host::open_log({static_cast<host::Level>(loaded.settings.log.level), loaded.settings.log.file, name});
  startup::report_crashes(name);
}

/// The life of the process that is Env 0, or what it was asked for in its place.
int run_first(AppRecord const& app, int argc, char** argv) {
  auto const line = startup::parse_application(argc, argv);
  if (line.action == startup::CommandLine::Action::say) return startup::say(line);
  auto const loaded = startup::load(line, startup::environment_of(environ));
  if (line.action == startup::CommandLine::Action::print_config) return startup::print_config(loaded, line.json);
  prepare_process(loaded);
  auto signals = host::take_signals();
  host::SystemProcessHost processes;
  mgr::CorpsMgr corps{loaded.settings, loaded.config, processes};
  corps.stop_on_signals(std::move(signals));
  corps.boot(app);
  corps.wait();
  return corps.stop();
}

class Running final : public BootedCorps {
 public:
  Running(AppRecord const& app, startup::Loaded const& loaded) : corps_(loaded.settings, loaded.config, processes_) {
    corps_.boot(app);
  }
  int stop() noexcept override { return corps_.stop(); }

 private:
  host::SystemProcessHost processes_;
  mgr::CorpsMgr corps_;
};

/// Ends the process if its methods cannot be told apart, for no call could be trusted.
void check_methods() {
  if (auto const clash = method_clash(); !clash.empty()) std::_Exit(complain("corps: " + clash, exit_program_defect));
}

int run_guarded(AppRecord const& app, int argc, char** argv) {
  try {
    return startup::started_as_env() ? startup::run_as_env() : run_first(app, argc, argv);
  } catch (ConfigError const& error) {
    return complain(error.text(), startup::exit_bad_config);
  } catch (std::exception const& error) {
    return complain(fmt::format("corps: {}", error.what()), exit_failed);
  }
}

}  // namespace

int run_app(AppRecord const& app, int argc, char** argv) noexcept {
  host::open_standard_descriptors();
  host::keep_freed_memory();
  check_methods();
  return run_guarded(app, argc, argv);
}

std::unique_ptr<BootedCorps> boot_app(AppRecord const& app, BootRequest const& what) {
  host::open_standard_descriptors();
  host::keep_freed_memory();
  check_methods();
  if (startup::started_as_env()) {
    auto const exit_code = run_guarded(app, 0, nullptr);
    std::exit(exit_code);
  }
  startup::CommandLine line;
  std::error_code unknown;
  line.program = std::filesystem::read_symlink("/proc/self/exe", unknown).string();
  line.config_files = what.options.config_files;
  line.arguments = what.options.arguments;
  for (auto const& setting : what.options.set) line.options.push_back({setting, "BootOptions::set"});
  auto const loaded = startup::load(line, startup::environment_of(environ));
  prepare_process(loaded);
  return std::make_unique<Running>(app, loaded);
}

}  // namespace corps::detail

// CAF's rows. The configuration is CAF's own but for the number of threads: its defaults are those it documents as fastest.
#include <array>
#include <caf/actor_system_config.hpp>
#include <string>

#include "test/bench/caf/rows.hpp"

namespace {

constexpr std::array rows{
    bench::Row{"request-answer", &caf_bench::request_answer},
    bench::Row{"blocking-call", &caf_bench::blocking_call},
    bench::Row{"blocking-call-gaps", &caf_bench::blocking_call_gaps},
    bench::Row{"tell-1-1", &caf_bench::tell_1_1},
    bench::Row{"tell-8-1", &caf_bench::tell_8_1},
    bench::Row{"ring", &caf_bench::ring},
    bench::Row{"fork-join", &caf_bench::fork_join},
    bench::Row{"idle-bytes", &caf_bench::idle},
};

caf::actor_system* running = nullptr;

}  // namespace

caf::actor_system& caf_bench::system() { return *running; }

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row, std::string const& threads) {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", std::stoul(threads));
    caf::actor_system system{config};
    running = &system;
    row.run();
    std::_Exit(0);  // the end of the system waits for its actors, which is not measured
  });
}

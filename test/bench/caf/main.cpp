// CAF's rows. The configuration is CAF's own but for the number of threads: its defaults are those it documents as fastest.
#include <array>
#include <caf/actor_system_config.hpp>

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
    bench::Row{"big", &caf_bench::big},
    bench::Row{"counting", &caf_bench::counting},
    bench::Row{"chameneos", &caf_bench::chameneos},
    bench::Row{"await-two", &caf_bench::await_two},
    bench::Row{"fan-out", &caf_bench::fan_out},
    bench::Row{"fan-out-busy", &caf_bench::fan_out_busy},
    bench::Row{"start-delay", &caf_bench::start_delay},
    bench::Row{"stream", &caf_bench::stream},
};

caf::actor_system* running = nullptr;

}  // namespace

caf::actor_system& caf_bench::system() { return *running; }

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row) {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", std::size_t{bench::threads});
    caf::actor_system system{config};
    running = &system;
    row.run();
    std::_Exit(0);  // the end of the system waits for its actors, which is not measured
  });
}

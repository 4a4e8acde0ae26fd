// CAF's rows. The configuration is CAF's own but for the number of threads: its defaults are those it documents as fastest.
#include <array>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>

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
    bench::Row{"link-shm-round-trip", &caf_bench::link_round_trip},
    bench::Row{"link-tcp-round-trip", &caf_bench::link_round_trip},
    bench::Row{"link-shm-round-trip-quiet", &caf_bench::link_round_trip_quiet},
    bench::Row{"link-tcp-round-trip-quiet", &caf_bench::link_round_trip_quiet},
    bench::Row{"link-shm-pipelined-64", &caf_bench::link_pipelined_64},
    bench::Row{"link-tcp-pipelined-64", &caf_bench::link_pipelined_64},
    bench::Row{"link-shm-pipelined-1k", &caf_bench::link_pipelined_1k},
    bench::Row{"link-tcp-pipelined-1k", &caf_bench::link_pipelined_1k},
    bench::Row{"link-shm-large", &caf_bench::link_large},
    bench::Row{"link-tcp-large", &caf_bench::link_large},
    bench::Row{"link-shm-load", &caf_bench::link_load},
    bench::Row{"link-tcp-load", &caf_bench::link_load},
};

caf::actor_system* running = nullptr;

}  // namespace

caf::actor_system& caf_bench::system() { return *running; }

void caf_bench::configure(caf::actor_system_config& config) {
  config.set("scheduler.max-threads", std::size_t{bench::threads});
  if (bench::running.starts_with("link-")) config.load<caf::io::middleman>();
}

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row) {
    if (row.name.starts_with("link-")) caf_bench::start_other_process();
    caf::actor_system_config config;
    caf_bench::configure(config);
    caf::actor_system system{config};
    running = &system;
    row.run();
    caf_bench::end_other_process();
    std::_Exit(0);  // the end of the system waits for its actors, which is not measured
  });
}

// Our rows: a Corps in the default configuration but for the number of threads and, in the rows of links, for what links two
// Envs.
#include <array>
#include <string>

#include "test/bench/ours/rows.hpp"

class Bench : public corps::Corps {};

namespace {

constexpr std::array rows{
    bench::Row{"request-answer", &ours::request_answer},
    bench::Row{"blocking-call", &ours::blocking_call},
    bench::Row{"blocking-call-gaps", &ours::blocking_call_gaps},
    bench::Row{"tell-1-1", &ours::tell_1_1},
    bench::Row{"tell-8-1", &ours::tell_8_1},
    bench::Row{"ring", &ours::ring},
    bench::Row{"fork-join", &ours::fork_join},
    bench::Row{"idle-bytes", &ours::idle},
    bench::Row{"big", &ours::big},
    bench::Row{"counting", &ours::counting},
    bench::Row{"chameneos", &ours::chameneos},
    bench::Row{"await-two", &ours::await_two},
    bench::Row{"fan-out", &ours::fan_out},
    bench::Row{"fan-out-busy", &ours::fan_out_busy},
    bench::Row{"start-delay", &ours::start_delay},
    bench::Row{"stream", &ours::stream},
    bench::Row{"link-shm-round-trip", &ours::link_round_trip},
    bench::Row{"link-tcp-round-trip", &ours::link_round_trip},
    bench::Row{"link-shm-round-trip-asleep", &ours::link_round_trip},
    bench::Row{"link-tcp-round-trip-asleep", &ours::link_round_trip},
    bench::Row{"link-shm-round-trip-quiet", &ours::link_round_trip_quiet},
    bench::Row{"link-tcp-round-trip-quiet", &ours::link_round_trip_quiet},
    bench::Row{"link-shm-pipelined-64", &ours::link_pipelined_64},
    bench::Row{"link-tcp-pipelined-64", &ours::link_pipelined_64},
    bench::Row{"link-shm-pipelined-1k", &ours::link_pipelined_1k},
    bench::Row{"link-tcp-pipelined-1k", &ours::link_pipelined_1k},
    bench::Row{"link-shm-large", &ours::link_large},
    bench::Row{"link-tcp-large", &ours::link_large},
    bench::Row{"link-shm-load", &ours::link_load},
    bench::Row{"link-tcp-load", &ours::link_load},
    bench::Row{"link-tls-round-trip", &ours::link_round_trip},
    bench::Row{"link-tls-pipelined-64", &ours::link_pipelined_64},
    bench::Row{"link-tls-large", &ours::link_large},
    bench::Row{"envs-2", &ours::envs},
    bench::Row{"envs-8", &ours::envs},
    bench::Row{"envs-64", &ours::envs},
};

corps::BootOptions options_for(std::string_view row, std::string const& threads) {
  corps::BootOptions options{.config_files = {}, .set = {"env.threads=" + threads}, .arguments = {}};
  if (row.starts_with("link-")) options.set.emplace_back("corps.envs=2");
  if (row.starts_with("link-tcp-") || row.starts_with("link-tls-")) options.set.emplace_back("net.carrier=tcp");
  if (row.ends_with("-asleep")) options.set.emplace_back("net.spin=0ms");
  if (row.starts_with("envs-")) options.set.push_back("corps.envs=" + std::string{row.substr(row.find('-') + 1)});
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  // First of all: the process of another Env gets no further.
  auto const begin_ns = bench::now_ns();
  auto corps = corps::boot<Bench>(options_for(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "1"));
  ours::boot_ns = bench::now_ns() - begin_ns;
  return bench::run_row(argc, argv, rows, [&](bench::Row const& row) {
    row.run();
    bench::expect(corps.stop() == 0, "the Corps did not stop as it should");
  });
}

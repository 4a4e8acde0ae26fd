// Our rows: a Corps of one Env, in the default configuration but for the number of threads.
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
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row) {
    auto corps =
        corps::boot<Bench>({.config_files = {}, .set = {"env.threads=" + std::to_string(bench::threads)}, .arguments = {}});
    row.run();
    bench::expect(corps.stop() == 0, "the Corps did not stop as it should");
  });
}

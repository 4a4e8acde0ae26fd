#pragma once

namespace floor_bench {

void link_round_trip();
void link_round_trip_quiet();
void link_large();

}  // namespace floor_bench

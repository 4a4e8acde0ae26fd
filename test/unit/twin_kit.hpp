#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "test/kit/twin.hpp"

/// What tests under the deterministic twin share.
namespace twin_kit {

using corps::test::Twin;
using corps::test::TwinOptions;

/// Assertions of this program that failed so far.
unsigned asserts_failed() noexcept;

/// Runs `body` in a Corps of its own for each seed, until an assertion fails or something is thrown. Each failed assertion of
/// `body` says the seed. As corps::test::for_seeds, TEST_SEEDS raises their number and TEST_SEED replays one.
inline void for_seeds(unsigned count, TwinOptions const& options, std::function<void(Twin&)> const& body) {
  auto const run = [&](Twin& twin) {
    auto const failed_before = asserts_failed();
    twin.run([&] {
      INFO("TEST_SEED=" << twin.seed());
      body(twin);
    });
    return asserts_failed() == failed_before;
  };
  corps::test::for_seeds(count, run, options);
}
inline void for_seeds(unsigned count, std::function<void(Twin&)> const& body) { for_seeds(count, {}, body); }

}  // namespace twin_kit

// The frame reader: any bytes, cut in any way, give the same frames, and no more memory is held than bytes came. Fragments among
// them are put together, within the limits.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "env/net/internal/fragments.hpp"
#include "env/net/internal/frame.hpp"

namespace {

using namespace corps::net;

struct Outcome {
  std::vector<std::pair<FrameKind, std::string>> frames;
  std::vector<std::string> whole;
  std::string failure;
  std::string fragment_failure;

  friend bool operator==(Outcome const&, Outcome const&) = default;
};

void require(bool holds) {
  if (!holds) std::abort();
}

// Reads `stream` in pieces whose sizes come from `cuts`, round and round; without cuts, in one piece.
Outcome read(Phase phase, std::span<std::byte const> stream, std::span<std::byte const> cuts) {
  constexpr std::uint32_t payload_bytes_max = 1 << 16;
  FrameReader reader(phase, payload_bytes_max);
  constexpr FragmentLimits limits{.fragment_bytes = 64, .message_bytes_max = 200, .begun_bytes_max = 300};
  Reassembly reassembly(limits);
  Outcome outcome;
  std::size_t received = 0;
  for (std::size_t cut = 0; received < stream.size(); ++cut) {
    auto const wanted = cuts.empty() ? stream.size() : 1 + std::to_integer<std::size_t>(cuts[cut % cuts.size()]);
    auto piece = stream.subspan(received, std::min(wanted, stream.size() - received));
    received += piece.size();
    while (auto const frame = reader.next(piece)) {
      require(is_legal(phase, static_cast<std::uint8_t>(frame->kind)));
      require(frame->payload.size() <= payload_bytes_max);
      if (!reassembly.why().empty()) {
        outcome.fragment_failure = reassembly.why();
      } else if (frame->kind != FrameKind::fragment) {
        static_cast<void>(reassembly.pass(frame->payload.size()));
      } else if (auto const whole = reassembly.take(frame->payload)) {
        require(whole->message.size() <= limits.message_bytes_max);
        require(whole->kind >= FrameKind::request && whole->kind <= FrameKind::control);
        corps::detail::ByteBuffer memory;
        auto const message = in_one_piece(whole->message.payload(), memory);
        outcome.whole.emplace_back(reinterpret_cast<char const*>(message.data()), message.size());
      }
      require(reassembly.held_bytes() <= received);
      require(reassembly.held_bytes() <= limits.begun_bytes_max);
      outcome.frames.emplace_back(frame->kind,
                                  std::string(reinterpret_cast<char const*>(frame->payload.data()), frame->payload.size()));
    }
    require(reader.held_bytes() <= 2 * received + 4096);
    if (!reader.failure().empty()) break;
    require(piece.empty());
  }
  outcome.failure = reader.failure();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  auto const input = std::as_bytes(std::span(data, size));
  auto const phase = static_cast<Phase>(data[0] % 5);
  auto const cut_count = std::min<std::size_t>(data[1] % 16, size - 2);
  auto const cuts = input.subspan(2, cut_count);
  auto const stream = input.subspan(2 + cut_count);
  require(read(phase, stream, {}) == read(phase, stream, cuts));
  return 0;
}

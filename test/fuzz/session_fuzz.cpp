// The links of an Env whose peer has proved itself and says what it likes: frames of all kinds in any order, of the right form
// and of none, again, ahead, after cuts and in sessions that have ended. Every call to it ends once, and what is kept is bounded.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "corps/detail/call.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/pack.hpp"
#include "env/host/internal/log.hpp"
#include "env/net/internal/links.hpp"

namespace session_fuzz {

class Worker : public corps::Conc {
 public:
  std::string once(std::string text) { return text; }
  std::string again(std::string text) { return text; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Worker::again>;
};

}  // namespace session_fuzz

namespace {

using namespace corps::net;
using corps::detail::ByteBuffer;
using corps::detail::Request;
using session_fuzz::Worker;

constexpr corps::EnvId here = 0;
constexpr corps::EnvId there = 7;
constexpr Peer attacker{there, 1};
constexpr LinkLimits limits{.in_flight_bytes_max = 16'384,
                            .message_bytes_max = 8'192,
                            .fragment_bytes = 256,
                            .kept_bytes_max = 65'536,
                            .resume_limit = std::chrono::seconds{10},
                            .retries_max = 2};

void require(bool holds) {
  if (!holds) std::abort();
}

/// The fuzzer's bytes, as numbers. After their end, zeros.
class Input {
 public:
  explicit Input(std::span<std::byte const> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    auto const first = std::to_integer<std::uint8_t>(bytes_.front());
    bytes_ = bytes_.subspan(1);
    return first;
  }
  std::uint64_t number() {
    std::uint64_t all = 0;
    for (int i = 0; i < 8; ++i) all = all << 8U | byte();
    return all;
  }
  /// Mostly small, or one that is known.
  std::uint64_t number(std::span<std::uint64_t const> known) {
    auto const choice = byte();
    if (choice < 128) return choice % 16;
    if (choice < 240 && !known.empty()) return known[choice % known.size()];
    return number();
  }
  std::span<std::byte const> bytes() {
    auto const wanted = byte() * std::size_t{4};
    auto const size = std::min(wanted, bytes_.size());
    auto const taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

 private:
  std::span<std::byte const> bytes_;
};

/// Takes all that is sent, and looks at what a peer must know of it.
class Sink final : public Carrier {
 public:
  Sink() : Carrier(attacker) {}
  void attach(Outbox& outbox) override { outbox_ = &outbox; }
  bool is_open() const override { return open_; }
  void close(std::string reason, Ending ending) override {
    if (!std::exchange(open_, false)) return;
    why = std::move(reason);
    how = ending;
  }
  void flush_and_close(std::string reason) override { close(std::move(reason), Ending::final); }
  void flush() override {
    std::array<Piece, 4> pieces;
    while (open_) {
      auto const count = outbox_->offer(*this, pieces);
      if (count == 0) return;
      std::size_t bytes = 0;
      for (auto const piece : std::span(pieces).first(count)) {
        auto const wanted = std::min(piece.size(), first_.size() - seen_);
        std::copy_n(piece.begin(), wanted, first_.begin() + static_cast<std::ptrdiff_t>(seen_));
        seen_ += wanted;
        bytes += piece.size();
      }
      outbox_->taken(*this, bytes);
    }
  }
  /// Of the other side's session: the first number in its first frame.
  std::uint64_t session() const { return get_number<std::uint64_t>(first_.data() + header_bytes); }

  std::string why;
  Ending how = Ending::cut;

 private:
  Outbox* outbox_ = nullptr;
  bool open_ = true;
  std::array<std::byte, 16> first_{};
  std::size_t seen_ = 0;
};

/// Whoever made the calls.
class Calls final : public corps::detail::Origin {
 public:
  void answer(std::unique_ptr<Request>) noexcept override { ++ended; }
  std::size_t made = 0;
  std::size_t ended = 0;
};

class Attacked final : Directory {
 public:
  explicit Attacked(Input input) : input_(input), links_(here, *this, limits), network_({}, {}, links_, [](std::string_view) {}) {
    links_.attach(network_);
  }

  void run() {
    open();
    for (int steps = 0; !input_.empty() && steps < 400; ++steps) step();
    links_.stop();
    require(calls_.ended == calls_.made);
  }

 private:
  bool look_up(corps::EnvId env, Entry& entry) override {
    entry.peer = attacker;
    return env == there;
  }
  void on_control(Peer const&, std::span<std::byte const>) override {}
  void on_link(Peer const&, bool) override {}

  void step() {
    switch (input_.byte() % 16) {
      case 0: cut(Ending::cut); break;
      case 1: cut(Ending::final); break;
      case 2: together_ = 1 + input_.byte() % 8; break;
      case 3: resume(); break;
      case 4: call<&Worker::once>(); break;
      case 5: call<&Worker::again>(); break;
      case 6: links_.cancel(there, 1 + input_.byte() % 16); break;
      case 7: acknowledge(); break;
      case 8: request(); break;
      case 9: answer(); break;
      case 10: fragment(); break;
      case 11: junk(); break;
      case 12: take(FrameKind::cancel, packed(small())); break;
      case 13: replay(); break;
      case 14: last_sent_ = static_cast<std::uint16_t>(last_sent_ + input_.byte() % 3 - 1); break;
      default: probe(); break;
    }
    if (sink_ != nullptr && !sink_->is_open()) closed();
    for (auto const& seen : links_.seen()) {
      require(seen.sent.unacknowledged_bytes <= limits.kept_bytes_max + limits.message_bytes_max + 4096);
      require(seen.open_calls <= calls_.made);
    }
  }

  // --- the connection ------------------------------------------------------------------------------------------------

  void open() {
    if (sink_ != nullptr || !links_.admit(attacker)) return;
    sink_ = std::make_shared<Sink>();
    links_.on_open(sink_, false);
    if (!sink_->is_open()) return closed();
    if (input_.byte() % 8 != 0) resume();  // as it should begin, mostly
  }
  void cut(Ending ending) {
    if (sink_ != nullptr) {
      hand_in();
      sink_->close("cut", ending);
      closed();
    }
    open();
  }
  void closed() {
    auto const sink = std::exchange(sink_, nullptr);
    links_.on_closed(*sink, sink->why, sink->how);
  }
  void take(FrameKind kind, ByteBuffer const& payload) {
    if (sink_ == nullptr) open();
    if (sink_ == nullptr) return;
    auto const number = has_number(static_cast<std::uint8_t>(kind)) ? ++last_sent_ : std::uint16_t{0};
    said_.push_back({kind, number, {payload.data(), payload.data() + payload.size()}});
    if (said_.size() >= together_) hand_in();
  }
  /// What has come together.
  void hand_in() {
    auto const said = std::exchange(said_, {});  // as a carrier has it: for the time of the call
    if (said.empty() || sink_ == nullptr || !sink_->is_open()) return;
    std::vector<Frame> frames;
    for (auto const& each : said) frames.push_back({each.kind, each.number, each.payload});
    links_.on_frames(*sink_, frames);
    last_ = said.back();
  }
  void replay() {
    if (sink_ == nullptr) return;
    said_.push_back(last_);
    hand_in();
  }

  // --- what the peer says --------------------------------------------------------------------------------------------

  template <class... A>
  static ByteBuffer packed(A const&... values) {
    ByteBuffer bytes;
    corps::Packer out{bytes};
    ((void)out(values), ...);
    return bytes;
  }
  std::uint64_t small() { return input_.number({}); }
  void append(ByteBuffer& to) {
    auto const bytes = input_.bytes();
    to.append(bytes.data(), bytes.size());
  }

  void resume() {
    std::array<std::uint64_t, 2> const known{sink_ == nullptr ? 0 : sink_->session(), 200};
    auto const id = std::uint64_t{200} + (input_.byte() % 4 == 0 ? 1 : 0);
    auto const known_id = input_.byte() % 4 == 0 ? input_.number(known) : known[0];
    auto const received = small();
    last_sent_ = input_.byte() % 4 == 0 ? last_sent_ : std::uint16_t{0};
    take(FrameKind::resume, packed(id, known_id, received, std::uint64_t{1} << (input_.byte() % 32)));
  }
  void acknowledge() { take(FrameKind::acknowledge, packed(small(), std::uint64_t{1} << (input_.byte() % 32))); }
  void request() {
    static std::array<std::uint64_t, 6> const methods{corps::detail::MethodOp<&Worker::once>::record.id.hash,
                                                      corps::detail::MethodOp<&Worker::again>::record.id.hash,
                                                      corps::detail::make_method_id("corps", "stream", "(u64,u8,u64)batch").hash,
                                                      corps::detail::make_method_id("corps", "alive", "(u64)bool").hash,
                                                      corps::detail::make_method_id("corps", "watch", "(u64,u64)end").hash,
                                                      corps::detail::make_method_id("corps", "unwatch", "(u64,u64)end").hash};
    auto const again = std::uint64_t{input_.byte() % 4 == 0} << 63U;
    auto const number = small() | again;
    auto const method = methods[input_.byte() % methods.size()];
    auto bytes = packed(number, method, small(), static_cast<std::int64_t>(small() - 1), small());
    if (input_.byte() % 8 != 0) bytes.append(packed(false).data(), 1);
    if (input_.byte() % 4 != 0) {
      auto const argument = packed(std::uint64_t{input_.byte()});
      bytes.append(argument.data(), argument.size());
    }
    append(bytes);
    take(FrameKind::request, bytes);
  }
  void answer() {
    auto bytes = packed(small());
    bool const is_error = input_.byte() % 2 == 0;
    if (is_error && input_.byte() % 2 == 0) {
      auto const error =
          packed(corps::ErrorInfo{corps::Errc{input_.byte()}, corps::Ran{input_.byte()}, "x", {}, {}}, input_.byte() % 2 == 0);
      bytes.append(error.data(), error.size());
    } else if (!is_error && input_.byte() % 2 == 0) {
      auto const text = packed(std::string(input_.byte(), 'x'));
      bytes.append(text.data(), text.size());
    } else {
      append(bytes);
    }
    take(is_error ? FrameKind::error : FrameKind::answer, bytes);
  }
  void fragment() {
    auto bytes = packed(static_cast<std::uint32_t>(input_.byte() % 20), static_cast<std::uint8_t>(input_.byte() % 6),
                        static_cast<std::uint8_t>(input_.byte() % 8), std::uint16_t{0});
    append(bytes);
    take(FrameKind::fragment, bytes);
  }
  void probe() {
    auto bytes = packed(small(), std::uint32_t{input_.byte() % 8U}, small(), small());
    append(bytes);
    take(FrameKind::probe, bytes);
  }
  void junk() {
    constexpr std::array kinds{FrameKind::request,     FrameKind::answer, FrameKind::error,
                               FrameKind::control,     FrameKind::resume, FrameKind::fragment,
                               FrameKind::acknowledge, FrameKind::cancel, FrameKind::probe};
    auto const kind = kinds[input_.byte() % kinds.size()];
    ByteBuffer bytes;
    append(bytes);
    take(kind, bytes);
  }

  // --- what this Env calls -------------------------------------------------------------------------------------------

  template <auto method>
  void call() {
    using Op = corps::detail::MethodOp<method>;
    require(corps::detail::Registered<Op>::done);
    auto call = std::make_unique<corps::detail::Call<Op>>(std::in_place, std::string(input_.byte() * std::size_t{8}, 'x'));
    call->origin = &calls_;
    call->caller_id = corps::ConcId{16};
    call->target = corps::ConcId{16U + input_.byte() % 2U};
    call->sent_to = {there, call->target};
    (void)call->begin();
    ++calls_.made;
    links_.send(std::move(call), there);
  }

  struct Said {
    FrameKind kind = FrameKind::acknowledge;
    std::uint16_t number = 0;
    std::vector<std::byte> payload;
  };

  Input input_;
  Calls calls_;
  Links links_;
  Network network_;  // nobody runs it: what is to be done later is not
  std::shared_ptr<Sink> sink_;
  std::uint16_t last_sent_ = 0;
  Said last_;
  std::vector<Said> said_;
  std::size_t together_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  corps::host::open_log({.level = corps::host::Level::off, .file = {}, .name = "fuzz"});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  Attacked{Input{std::as_bytes(std::span(data, size))}}.run();
  return 0;
}

// Streams whose producer and consumer are in two Envs. The consumer's Env asks for items, by a request of its own that says up to
// which count the producer may go; it is answered when there are some, with all that there are. See docs/internals/wire.md.

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "corps/stream.hpp"
#include "env/host/internal/random.hpp"
#include "env/mail/internal/far_stream.hpp"

namespace corps::mail {
namespace {

using detail::ByteBuffer;
using detail::ChannelBase;
using detail::MethodRecord;
using detail::PackItem;
using detail::Request;
using detail::UnpackItem;

/// What is said of a stream to the Env of its producer, or to the one that has handed it on.
enum class Asks : std::uint8_t {
  items,  // the next of them, which is answered
  stop,   // nobody reads any more
  moved,  // another Env reads it now: it need not be looked after
};

/// Items that travel together.
struct Batch {
  std::uint64_t count = 0;
  bool ended = false;
  bool failed = false;
  ErrorInfo error;
  ByteBuffer items;
};

/// In a handler: packing or unpacking has failed.
std::unique_ptr<ErrorInfo> error_of_this_end() {
  try {
    throw;
  } catch (Error const& error) {
    return std::make_unique<ErrorInfo>(error.info());
  } catch (...) {
    return detail::stream_error(std::current_exception());
  }
}

std::unique_ptr<Request> make_ask(Unpacker& in);
void serve_ask(std::unique_ptr<Request> request) noexcept;

constinit MethodRecord ask_record{
    .id = detail::make_method_id("corps", "stream", "(u64,u8,u64)batch"), .make = &make_ask, .env_serves = &serve_ask};
bool const registered = [] {
  detail::register_method(ask_record);
  return true;
}();

struct Ask final : detail::Reply<Batch> {
  Ask(std::uint64_t of, Asks what, std::uint64_t items) : Reply(&ask_record), number(of), asks(what), allowed(items) {}
  void invoke(detail::Cell&) override {}
  void pack_arguments(Packer& out) override { out(number, asks, allowed); }
  void pack_result(Packer& out) override {
    out(result->count, result->ended, result->failed);
    if (result->failed) out(result->error);
    out.put(result->items.data(), result->items.size());
  }
  void unpack_result(Unpacker& in) override {
    auto& batch = result.emplace();
    in(batch.count, batch.ended, batch.failed);
    if (batch.failed) in(batch.error);
    auto const left = in.bytes_left();
    batch.items.append(in.take(left), left);
  }

  std::uint64_t number;
  Asks asks;
  std::uint64_t allowed;
};

std::unique_ptr<Request> make_ask(Unpacker& in) {
  auto ask = std::make_unique<Ask>(0, Asks::items, 0);
  in(ask->number, ask->asks, ask->allowed);
  if (ask->asks > Asks::moved) in.fail("not what is asked of a stream");
  return ask;
}

void tell(EnvId env, std::uint64_t number, Asks what) noexcept {
  auto ask = std::make_unique<Ask>(number, what, 0);
  if (env == detail::env_facts.env) return serve_ask(std::move(ask));
  ask->sent_to = {env, ConcId::none};
  detail::route(std::move(ask), env);
}

/// The streams that other Envs have of this one, or that it has handed on from one to another.
struct Sent {
  std::shared_ptr<ChannelBase> channel;
  EnvId to;  // which reads it, as far as is known
};
class SentTable {
 public:
  void add(std::uint64_t number, Sent sent) {
    std::lock_guard const lock{mutex_};
    sent_.insert_or_assign(number, std::move(sent));
  }
  /// Notes that this Env reads it. Null: there is none.
  Sent read_by(std::uint64_t number, EnvId env) {
    std::lock_guard const lock{mutex_};
    auto const found = sent_.find(number);
    if (found == sent_.end() || found->second.channel->far_consumer() == nullptr) return {};
    return {found->second.channel, std::exchange(found->second.to, env)};
  }
  /// One of this Env's own, that has come back to it, goes out again.
  void hand_on(std::uint64_t number, EnvId to) {
    std::lock_guard const lock{mutex_};
    if (auto const found = sent_.find(number); found != sent_.end()) found->second.to = to;
  }
  std::shared_ptr<ChannelBase> take(std::uint64_t number) {
    std::lock_guard const lock{mutex_};
    return erase(sent_.find(number));
  }
  /// If this Env is the one that reads it, or has handed it to this one.
  std::shared_ptr<ChannelBase> take(std::uint64_t number, EnvId env) {
    std::lock_guard const lock{mutex_};
    auto const found = sent_.find(number);
    return found == sent_.end() || found->second.to != env ? nullptr : erase(found);
  }
  std::shared_ptr<ChannelBase> take_moved(std::uint64_t number) {
    std::lock_guard const lock{mutex_};
    auto const found = sent_.find(number);
    return found == sent_.end() || found->second.channel->far_producer() == nullptr ? nullptr : erase(found);
  }
  Channels take_all(EnvId env) {
    Channels channels;
    std::lock_guard const lock{mutex_};
    std::erase_if(sent_, [&](auto& entry) {
      if (entry.second.to != env) return false;
      channels.push_back(std::move(entry.second.channel));
      return true;
    });
    return channels;
  }
  std::size_t count() {
    std::lock_guard const lock{mutex_};
    return sent_.size();
  }

 private:
  using Map = std::unordered_map<std::uint64_t, Sent>;
  std::shared_ptr<ChannelBase> erase(Map::iterator at) {
    if (at == sent_.end()) return nullptr;
    auto channel = std::move(at->second.channel);
    sent_.erase(at);
    return channel;
  }

  std::mutex mutex_;  // a leaf
  Map sent_;
};
SentTable& table() {
  static auto& table = *new SentTable;  // for the life of the process: a link may end late
  return table;
}

// --- in the Env of the producer ------------------------------------------------------------------------------------

/// Nobody looks at the answer any more, but it is waited for.
void end_with_nothing(std::unique_ptr<Ask> ask) noexcept {
  ask->result.emplace().ended = true;
  ask.release()->finish();
}

/// Stands for the consumer. Threads: any; its lock guards the consumer's side of the channel.
class Reader final : public detail::FarConsumer {
 public:
  Reader(ChannelBase& channel, PackItem pack, std::uint64_t number) : channel_(channel), pack_(pack), number_(number) {}

  void ask(std::unique_ptr<Ask> ask, EnvId by) {
    std::unique_lock lock{mutex_};
    if (closed_) return end_with_nothing(std::move(ask));
    if (waiting_ != nullptr)
      return ask.release()->bounce({Errc::decode, Ran::no, "the items of a stream are asked for twice at a time", {}, {}});
    by_ = by;
    channel_.allow(std::min(ask->allowed, channel_.read_count() + stream_far_window_max));
    waiting_ = std::move(ask);
    answer(std::move(lock));
  }
  void woken() noexcept override {
    std::unique_lock lock{mutex_};
    channel_.far_consumer_woken();
    answer(std::move(lock));
  }
  /// Nobody reads any more. Null: nobody waits.
  std::unique_ptr<Ask> close() noexcept {
    std::lock_guard const lock{mutex_};
    closed_ = true;
    return std::move(waiting_);
  }

 private:
  void answer(std::unique_lock<std::mutex> lock) noexcept {
    if (waiting_ == nullptr || closed_ || channel_.far_consumer_must_wait()) return;
    auto ask = std::move(waiting_);
    auto& batch = ask->result.emplace();
    bool const failed_here = !fill(batch);
    lock.unlock();
    // The table may hold the last reference to this.
    auto const channel = batch.ended ? table().take(number_) : nullptr;
    ask.release()->finish();
    if (failed_here && channel != nullptr) channel_.drop_consumer();  // else whoever took it from there does
  }
  /// False: an item cannot be packed, and so the stream ends here.
  bool fill(Batch& batch) noexcept {
    StreamsSent inner{by_};
    auto size = batch.items.size();
    try {
      Packer out{batch.items};
      out.for_env(by_);
      while (channel_.has_item() && batch.items.size() < stream_batch_bytes) {
        pack_(channel_, out);
        size = batch.items.size();
        ++batch.count;
      }
    } catch (...) {
      batch.items.truncate(size);
      batch.ended = batch.failed = true;
      batch.error = *error_of_this_end();
      return false;
    }
    inner.keep();
    batch.ended = channel_.has_ended();
    if (batch.ended && channel_.error() != nullptr) {
      batch.failed = true;
      batch.error = *channel_.error();
    }
    return true;
  }

  std::mutex mutex_;
  ChannelBase& channel_;
  PackItem const pack_;
  std::uint64_t const number_;
  EnvId by_ = 0;
  bool closed_ = false;
  std::unique_ptr<Ask> waiting_;
};

/// `answers`: whoever waits is told; else its link has ended.
void drop(ChannelBase& channel, bool answers) noexcept {
  if (auto* const reader = static_cast<Reader*>(channel.far_consumer()); reader != nullptr) {
    auto waiting = reader->close();
    if (waiting != nullptr && answers) end_with_nothing(std::move(waiting));
  }
  channel.drop_consumer();
}

void serve_ask(std::unique_ptr<Request> request) noexcept {
  std::unique_ptr<Ask> ask{static_cast<Ask*>(request.release())};
  auto const by = ask->caller_env == detail::same_env ? detail::env_facts.env : ask->caller_env;
  auto const number = ask->number;
  switch (ask->asks) {
    case Asks::stop:
      if (auto const channel = table().take(number, by); channel != nullptr) drop(*channel, true);
      return;
    case Asks::moved: (void)table().take_moved(number); return;
    case Asks::items: break;
  }
  auto const [channel, before] = table().read_by(number, by);
  if (channel == nullptr)
    return ask.release()->bounce(
        {Errc::worker_lost,
         Ran::maybe,
         "the producer of the stream has been ended: the session of a link that the stream was sent over "
         "has ended",
         {},
         {}});
  if (before != by) tell(before, number, Asks::moved);
  static_cast<Reader*>(channel->far_consumer())->ask(std::move(ask), by);
}

// --- in the Env of the consumer ------------------------------------------------------------------------------------

/// Stands for the producer. Asks for items in turns of the consumer, one request at a time. Whoever has it has read nothing yet,
/// or is the consumer.
class Source final : public detail::FarProducer, private detail::Listener {
 public:
  Source(ChannelBase& channel, UnpackItem unpack, EnvId env, std::uint64_t number)
      : channel_(channel), unpack_(unpack), env_(env), number_(number) {}

  EnvId env() const noexcept { return env_; }
  std::uint64_t number() const noexcept { return number_; }

  void allow(std::uint64_t items) override {
    allowed_ = std::min(items, channel_.read_count() + stream_far_window_max);
    ask();
  }
  void stop() noexcept override {
    if (auto* const asked = std::exchange(asked_, nullptr)) asked->drop();
    if (!std::exchange(ended_, true)) tell(env_, number_, Asks::stop);
  }

 private:
  void ask() {
    if (asked_ != nullptr || ended_ || allowed_ <= channel_.written_count()) return;
    auto& cell = detail::self();
    auto& ask = *std::make_unique<Ask>(number_, Asks::items, allowed_).release();
    // On nobody's behalf: it outlives the request that waits now.
    auto const context = std::exchange(cell.context, {});
    bool const opened = detail::open_call(ask, {env_, ConcId::none}, detail::never_ns);
    cell.context = context;
    asked_ = &ask;
    if (!opened) return ended(ask);
    ask.listener = this;
    (void)ask.begin();
    if (env_ == detail::env_facts.env) return serve_ask(std::unique_ptr<Request>{&ask});
    detail::route(std::unique_ptr<Request>{&ask}, env_);
  }

  void ended(Request&) noexcept override {
    auto& ask = *std::exchange(asked_, nullptr);
    try {
      if (auto const* const error = ask.failure(); error != nullptr)
        end(with_items_before(*error));
      else
        take(*ask.result);
    } catch (...) {
      auto error = error_of_this_end();
      tell(env_, number_, Asks::stop);
      end(std::move(error));
    }
    ask.drop();
    if (!ended_) ask_again();
  }
  /// That this request for items was not sent says nothing of the producer, once it has sent some.
  std::unique_ptr<ErrorInfo> with_items_before(ErrorInfo error) const {
    if (error.ran == Ran::no && channel_.written_count() != 0) error.ran = Ran::maybe;
    return std::make_unique<ErrorInfo>(std::move(error));
  }
  void ask_again() noexcept {
    try {
      ask();
    } catch (...) {
      stop();
      channel_.end(error_of_this_end());
    }
  }
  void take(Batch& batch) {
    Unpacker in{batch.items.view()};
    if (batch.count > allowed_ - channel_.written_count()) in.fail("more items of a stream than were asked for");
    for (std::uint64_t i = 0; i < batch.count; ++i) unpack_(channel_, in);
    in.finish();
    if (batch.ended) end(batch.failed ? std::make_unique<ErrorInfo>(std::move(batch.error)) : nullptr);
  }
  void end(std::unique_ptr<ErrorInfo> error) noexcept {
    ended_ = true;
    channel_.end(std::move(error));
  }

  ChannelBase& channel_;
  UnpackItem const unpack_;
  EnvId const env_;
  std::uint64_t const number_;
  std::uint64_t allowed_ = 0;
  bool ended_ = false;
  Ask* asked_ = nullptr;
};

constinit thread_local StreamsSent* sending = nullptr;

}  // namespace

// --- on the way ----------------------------------------------------------------------------------------------------

StreamsSent::StreamsSent(EnvId to) noexcept : to_(to), outer_(std::exchange(sending, this)) {}
StreamsSent::~StreamsSent() {
  sending = outer_;
  for (auto const number : numbers_)
    if (auto const channel = table().take(number); channel != nullptr) drop(*channel, false);
}

Channels take_streams_of(EnvId env) { return table().take_all(env); }
void drop_streams(Channels channels) noexcept {
  for (auto const& channel : channels) drop(*channel, false);
}
std::size_t streams_sent() noexcept { return table().count(); }

}  // namespace corps::mail

namespace corps::detail {

void send_stream(std::shared_ptr<ChannelBase> channel, PackItem pack, Packer& out) {
  if (channel == nullptr) {
    out(ConcAddr{});
    return;
  }
  auto* const sent = mail::sending;
  if (sent == nullptr) {
    channel->drop_consumer();
    throw Refused{"a Stream is packed as an argument or a result of a call to another Env only"};
  }
  if (!channel->is_unread()) {
    channel->drop_consumer();
    throw Refused{"a Stream of which items were read cannot be sent to another Env; send it on before the first next()"};
  }
  auto env = env_facts.env;
  std::uint64_t number = 0;
  if (auto const* const source = static_cast<mail::Source const*>(channel->far_producer()); source != nullptr) {
    env = source->env();
    number = source->number();
  } else {
    number = host::random_u64(host::Random::system()) | 1;
    channel->bind_far_consumer(std::make_unique<mail::Reader>(*channel, pack, number));
  }
  sent->add(number);
  if (channel->far_producer() != nullptr && env == env_facts.env)
    mail::table().hand_on(number, sent->to());
  else
    mail::table().add(number, {std::move(channel), sent->to()});
  out(ConcAddr{env, ConcId{number}});
}

bool receive_stream(ChannelBase& channel, UnpackItem unpack, Unpacker& in) {
  ConcAddr producer;
  in(producer);
  auto const number = static_cast<std::uint64_t>(producer.conc);
  if (number == 0) return false;
  channel.bind_far_producer(std::make_unique<mail::Source>(channel, unpack, producer.env, number));
  return true;
}

}  // namespace corps::detail

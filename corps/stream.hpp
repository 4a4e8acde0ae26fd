#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "corps/detail/stream.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/fwd.hpp"

namespace corps {

/// Items that a producer may be ahead of the consumer of a Stream, if the consumer does not say otherwise: its credit.
inline constexpr std::size_t stream_window = 1'024;
/// As many at most, if the consumer is in another Env, whatever its window.
inline constexpr std::size_t stream_far_window_max = std::size_t{1} << 20;
/// Packed items that travel to another Env together.
inline constexpr std::size_t stream_batch_bytes = std::size_t{64} << 10;

/// A bounded sequence of values that come one after the other. As result of a method:
///
///   corps::Stream<int> count(int to) { for (int i = 0; i < to; ++i) co_yield i; }        // in a Conc
///
///   auto numbers = co_await counter.call<&Counter::count>(1000);                          // a Stream<int>
///   while (auto number = co_await numbers.next()) use(*number);                           // until it ends
///
/// As argument: see corps::stream(). It begins when the first item is asked for; the producer waits when it is `stream_window`
/// items ahead. What it throws comes out of next(), after the items before it. Dropping the Stream ends the producer: it gets
/// Cancelled at its next co_yield, or at the co_await where it waits, and `corps::cancelled()` is true in it.
///
/// A producer method has ended, for its caller and for its Worker, when it has returned the Stream. Its code then runs in turns
/// of its Worker beside the requests, as a spawned Task does, at the others' awaits, and ends with the Worker: then next()
/// throws WorkerLost. It has no deadline of its own. It takes its parameters by value.
///
/// Threads: producer and consumer are two Workers, or plain threads, of one Env or of two, or one and the same. A Stream belongs
/// to the Worker that asks for the first item; until then it may be moved to others, as an argument or a result, also through
/// several Envs: its items come from the producer's Env straight to the consumer's. Afterwards a call that would send it to
/// another Env ends with Refused.
///
/// In another Env: items travel in batches of `stream_batch_bytes`, or one that is larger, one batch at a time. The window counts
/// all that the producer is ahead, and is stream_far_window_max at most. next() throws WorkerLost when the session of the link
/// has ended, or the producer's Env has, and then the producer ends as if the Stream had been dropped; DecodeError when what
/// comes cannot be unpacked; Overloaded when an item is larger than `limits.message`. A Stream that does not arrive, since the
/// call could not be sent or served, is dropped.
template <class T>
class [[nodiscard("dropping a Stream ends it")]] Stream {
 public:
  static_assert(!std::is_void_v<T> && !std::is_reference_v<T>, "corps: the items of a Stream are values");
  static constexpr std::string_view corps_wire = detail::CodeText<&detail::write_stream<T>>::view;
  using promise_type = detail::StreamPromise<T>;

  /// Of nothing: it has ended.
  Stream() noexcept = default;
  explicit Stream(std::shared_ptr<detail::Channel<T>> channel) noexcept : channel_(std::move(channel)) {}
  Stream(Stream && other) noexcept : channel_(std::move(other.channel_)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~Stream() {
    if (channel_ != nullptr) channel_->drop_consumer();
  }

  /// The next item, or none when the stream has ended: `co_await next()` in a Task; `next().get()` on a plain thread. Throws what
  /// ended the producer; Timeout when the deadline of the request that waits comes first, and Cancelled when that is cancelled:
  /// after these two the stream goes on. Use the result of next() at once, and once.
  auto next() noexcept { return detail::NextItem<T>{channel_.get()}; }

  /// How many items the producer may be ahead; at least 1. Before the first next().
  void set_window(std::size_t items) noexcept {
    if (channel_ != nullptr) channel_->set_window(items);
  }

  template <class Archive>
  void save(Archive & out) const {
    detail::send_stream(std::move(channel_), &detail::Channel<T>::template pack_item<Archive>, out);
  }
  template <class Archive>
  void load(Archive & in) {
    auto channel = std::make_shared<detail::Channel<T>>();
    bool const is_there = detail::receive_stream(*channel, &detail::Channel<T>::template unpack_item<Archive>, in);
    *this = Stream{is_there ? std::move(channel) : nullptr};
  }

 private:
  mutable std::shared_ptr<detail::Channel<T>> channel_;  // what is packed is given away
};

/// The end of a Stream at which a Worker, or a plain thread, writes:
///
///   auto [writer, numbers] = corps::stream<int>();
///   auto sum = adder.call<&Adder::sum_of>(std::move(numbers));
///   for (int i = 0; i < 1000; ++i) co_await writer.write(i);
///   writer.end();
///
/// Dropping it without end() is an error for the consumer, "corps::BrokenStream", so that a part is not taken for the whole; if
/// its Worker is ending, WorkerLost.
/// Threads: of the Worker, or the plain thread, that made it.
template <class T>
class StreamWriter {
 public:
  explicit StreamWriter(std::shared_ptr<detail::Channel<T>> channel) noexcept : channel_(std::move(channel)) {}
  StreamWriter(StreamWriter&& other) noexcept : channel_(std::move(other.channel_)) {}
  StreamWriter& operator=(StreamWriter&& other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~StreamWriter() {
    if (channel_ != nullptr) channel_->drop_writer();
  }

  /// Waits until there is room, which nothing has until the consumer asks for its first item: `co_await write(item)`, or
  /// `write(item).get()` on a plain thread. Throws Cancelled when the consumer is gone; Timeout as Stream::next does, and then
  /// nothing is written. Use the result of write() at once, and once.
  auto write(T item) { return detail::WriteItem<T>{detail::checked_writer(channel_.get()), std::move(item)}; }
  /// There is no more. Once.
  void end() {
    detail::checked_writer(channel_.get())->end(nullptr);
    channel_.reset();
  }
  /// There is no more because of an error, which the consumer gets as RemoteError. Once.
  void fail(std::exception_ptr thrown) {
    detail::checked_writer(channel_.get())->end(detail::stream_error(thrown));
    channel_.reset();
  }

 private:
  std::shared_ptr<detail::Channel<T>> channel_;
};

/// Both ends of a new Stream.
template <class T>
struct StreamEnds {
  StreamWriter<T> writer;
  Stream<T> stream;
};

/// A Stream whose items this Worker, or plain thread, writes.
template <class T>
StreamEnds<T> stream() {
  auto channel = std::make_shared<detail::Channel<T>>();
  channel->bind_producer();
  return {StreamWriter<T>{channel}, Stream<T>{channel}};
}

namespace detail {
template <class T>
Stream<T> StreamPromise<T>::get_return_object() {
  channel->bind_producer();
  channel->begin(std::coroutine_handle<StreamPromise>::from_promise(*this));
  return Stream<T>{channel};
}
}  // namespace detail

}  // namespace corps

/// Refuses coroutines whose parameters could dangle, as for a Task.
template <class T, class First, class... Rest>
struct std::coroutine_traits<corps::Stream<T>, First, Rest...> {
  static_assert((!std::is_reference_v<First> ||
                 std::is_class_v<std::remove_reference_t<First>>)&&(!std::is_reference_v<Rest> && ...),
                "corps: a Stream takes its parameters by value: a reference may dangle when it goes on");
  using promise_type = corps::detail::StreamPromise<T>;
};

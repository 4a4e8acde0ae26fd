#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "corps/detail/channel.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/fwd.hpp"

namespace corps::detail {

template <class T>
constexpr void write_stream(CodeSink& sink) {
  sink.add("stream:");
  write_checked_code<T>(sink);
}

/// Hands the stream over to whoever unpacks it in another Env; how its items are packed.
using PackItem = void (*)(ChannelBase& channel, Packer& out);
using UnpackItem = void (*)(ChannelBase& channel, Unpacker& in);
void send_stream(std::shared_ptr<ChannelBase> channel, PackItem pack, Packer& out);
/// False: a stream of nothing, and the channel is not used.
bool receive_stream(ChannelBase& channel, UnpackItem unpack, Unpacker& in);

/// What a producer threw, as its consumer gets it.
std::unique_ptr<ErrorInfo> stream_error(std::exception_ptr const& thrown);

/// The items of a stream: written by one thread, read by another, in blocks that come and go with the items.
template <class T>
class Channel final : public ChannelBase {
 public:
  Channel() = default;
  ~Channel() override {
    for (; read_ < count_; ++read_) (void)take();
    delete head_;
    if (head_ == nullptr) delete first_;
  }

  void write(T&& item) {
    auto const place = count_ % block_items;
    if (place == 0) {
      auto* const block = new Block;
      (tail_ == nullptr ? first_ : tail_->next) = block;
      tail_ = block;
    }
    new (tail_->at(place)) T(std::move(item));
    wrote();
  }
  /// The next item; none at the end, or the error that is there.
  std::optional<T> read() {
    if (has_item()) {
      std::optional<T> item{take()};
      was_read();
      return item;
    }
    check_end();
    return std::nullopt;
  }
  /// For another Env.
  template <class Archive>
  static void pack_item(ChannelBase& base, Packer& out) {
    auto& channel = static_cast<Channel&>(base);
    auto const item = channel.take();
    ++channel.read_;
    static_cast<Archive&>(out)(item);
  }
  template <class Archive>
  static void unpack_item(ChannelBase& base, Unpacker& in) {
    T item{};
    static_cast<Archive&>(in)(item);
    static_cast<Channel&>(base).write(std::move(item));
  }

 private:
  static constexpr std::size_t block_bytes = 4'096;
  static constexpr std::size_t block_items = sizeof(T) * 4 > block_bytes     ? 4
                                             : block_bytes / sizeof(T) > 128 ? 128
                                                                             : block_bytes / sizeof(T);
  struct Block {
    void* at(std::size_t place) noexcept { return bytes + place * sizeof(T); }
    Block* next = nullptr;
    alignas(T) std::byte bytes[block_items * sizeof(T)];  // NOLINT
  };

  /// Moves an item out of its place; the count is the caller's.
  T take() {
    auto const place = read_ % block_items;
    if (place == 0) {
      auto* const next = head_ == nullptr ? first_ : head_->next;
      delete std::exchange(head_, next);
    }
    auto& slot = *std::launder(static_cast<T*>(head_->at(place)));
    struct Destroys {
      ~Destroys() { slot.~T(); }
      T& slot;
    } const destroys{slot};
    return std::move(slot);
  }

  Block* first_ = nullptr;
  Block* tail_ = nullptr;  // the producer's
  Block* head_ = nullptr;  // the consumer's
};

/// The wait for the next item.
template <class T>
class NextItem {
 public:
  explicit NextItem(Channel<T>* channel) noexcept : channel_(channel) {}
  bool await_ready() const { return channel_ == nullptr || channel_->may_read(); }
  bool await_suspend(std::coroutine_handle<> awaiting) const { return channel_->wait_to_read(awaiting); }
  std::optional<T> await_resume() const {
    if (channel_ == nullptr) return std::nullopt;
    channel_->check_read();
    return channel_->read();
  }
  std::optional<T> get() const {
    if (!await_ready()) channel_->block_to_read();
    return await_resume();
  }

 private:
  Channel<T>* channel_;
};

/// The wait for room, and the item for it.
template <class T>
class WriteItem {
 public:
  WriteItem(Channel<T>* channel, T&& item) : channel_(channel), item_(std::move(item)) {}
  bool await_ready() const { return channel_->may_write(); }
  bool await_suspend(std::coroutine_handle<> awaiting) const { return channel_->wait_to_write(awaiting); }
  void await_resume() {
    channel_->check_write();
    channel_->write(std::move(item_));
  }
  void get() {
    if (!await_ready()) channel_->block_to_write();
    await_resume();
  }

 private:
  Channel<T>* channel_;
  T item_;
};

[[noreturn]] void no_writer();

template <class T>
Channel<T>* checked_writer(Channel<T>* channel) {
  if (channel == nullptr) no_writer();
  return channel;
}

template <class T>
struct StreamPromise {
  struct AtEnd {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept { channel.ended_frame(); }
    void await_resume() const noexcept {}
    ChannelBase& channel;
  };

  StreamPromise() : channel(std::make_shared<Channel<T>>()) {}
  ~StreamPromise() { channel->drop_frame(); }
  StreamPromise(StreamPromise const&) = delete;
  StreamPromise& operator=(StreamPromise const&) = delete;

  Stream<T> get_return_object();
  std::suspend_always initial_suspend() const noexcept { return {}; }
  AtEnd final_suspend() noexcept {
    channel->end(std::move(failure));
    return AtEnd{*channel};
  }
  WriteItem<T> yield_value(T item) { return WriteItem<T>{channel.get(), std::move(item)}; }
  void return_void() const noexcept {}
  void unhandled_exception() { failure = stream_error(std::current_exception()); }

  std::shared_ptr<Channel<T>> channel;
  std::unique_ptr<ErrorInfo> failure;
};

}  // namespace corps::detail

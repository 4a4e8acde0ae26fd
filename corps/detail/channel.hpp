#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/pause.hpp"
#include "corps/detail/wait_flag.hpp"
#include "corps/error.hpp"

namespace corps::detail {

/// The other Env at an end of a stream; see env/mail/far_stream.cpp.
class FarProducer {
 public:
  virtual ~FarProducer() = default;
  /// It may send items up to this count. In the consumer's turn.
  virtual void allow(std::uint64_t items) = 0;
  /// Nobody reads any more.
  virtual void stop() noexcept = 0;
};
class FarConsumer {
 public:
  virtual ~FarConsumer() = default;
  /// The producer has done something that it waits for. In the producer's turn.
  virtual void woken() noexcept = 0;
};

/// What the two ends of a stream share, but for the items. The producer counts what it has written; the consumer says up to
/// which count it may write: these two numbers are all that has to travel, and each end wakes the other only if that waits.
class ChannelBase : public std::enable_shared_from_this<ChannelBase> {
 public:
  ChannelBase();
  ChannelBase(ChannelBase const&) = delete;
  ChannelBase& operator=(ChannelBase const&) = delete;
  virtual ~ChannelBase();

  // --- the producer's Worker ------------------------------------------------------------------------------------
  void bind_producer();
  /// The producer is a coroutine, which begins when the first item is asked for.
  void begin(std::coroutine_handle<> frame);
  /// The coroutine stands at its end.
  void ended_frame() noexcept;
  /// The coroutine is destroyed, at its end or before.
  void drop_frame() noexcept;
  void drop_writer() noexcept;
  /// There is no more.
  void end(std::unique_ptr<ErrorInfo> error) noexcept;
  /// Whether an item may be written; throws Cancelled when nobody wants it.
  bool may_write();
  /// Lets the coroutine go on when an item may be written. False: it may be now.
  bool wait_to_write(std::coroutine_handle<> awaiting);
  void block_to_write();
  /// After the wait: throws what ended it.
  void check_write();

  // --- the consumer's Worker ------------------------------------------------------------------------------------
  void set_window(std::size_t items) noexcept;
  /// Whether there is an item, or an end.
  bool may_read();
  bool wait_to_read(std::coroutine_handle<> awaiting);
  void block_to_read();
  void check_read();
  void drop_consumer() noexcept;

  // --- a link in place of one of them ---------------------------------------------------------------------------
  /// Nobody has asked for an item.
  bool is_unread() const noexcept { return consumer_.cell == nullptr && granted_ == 0; }
  void bind_far_producer(std::unique_ptr<FarProducer> producer) noexcept { far_producer_ = std::move(producer); }
  FarProducer* far_producer() const noexcept { return far_producer_.get(); }
  void bind_far_consumer(std::unique_ptr<FarConsumer> consumer) noexcept { far_consumer_ = std::move(consumer); }
  FarConsumer* far_consumer() const noexcept { return far_consumer_.get(); }
  /// For the far consumer, under a lock of its own.
  void allow(std::uint64_t items) noexcept;
  void far_consumer_woken() noexcept { consumer_.flag.arrived(); }
  bool far_consumer_must_wait();
  bool has_ended() const noexcept { return ended_ && !has_item(); }
  bool has_item() const noexcept { return read_ < readable_; }
  std::uint64_t read_count() const noexcept { return read_; }
  ErrorInfo const* error() const noexcept { return error_.get(); }
  /// For the far producer.
  std::uint64_t written_count() const noexcept { return count_; }

 protected:
  /// An item was written.
  void wrote() noexcept {
    written_.store(++count_ << 1U, std::memory_order_seq_cst);
    if (consumer_.flag.takes_a_wake()) [[unlikely]]
      send_wake(consumer_);
  }
  /// An item was read.
  void was_read() noexcept {
    ++read_;
    if (granted_ - read_ <= window_ - grant_step_) [[unlikely]]
      grant();
  }
  /// At the end of the stream: throws its error, if it has one.
  void check_end() const;

  std::uint64_t count_ = 0;             // the producer's
  alignas(64) std::uint64_t read_ = 0;  // the consumer's
  std::uint64_t readable_ = 0;          // as it was when the consumer looked last
  bool ended_ = false;

 private:
  struct End;
  /// Tells one end that the other has done something it may wait for.
  struct Wake final : Envelope {
    explicit Wake(End& which) : Envelope(EnvelopeKind::control), end(which) {}
    void arrive(Cell& cell) override;
    void undeliverable() noexcept override;
    std::shared_ptr<ChannelBase> landed() noexcept;
    End& end;
    std::shared_ptr<ChannelBase> channel;  // while it is under way
  };
  struct End {
    Cell* cell = nullptr;
    ConcId id = ConcId::none;
    WaitFlag flag;
    Pause pause;
    Wake wake{*this};
  };
  struct Production;

  void send_wake(End& end) noexcept;
  void on_wake(Cell& cell, End const& end);
  void run_producer(Cell& cell);
  [[noreturn]] void nobody_reads() const;
  bool must_wait_to_write();
  bool must_wait_to_read();
  void grant() noexcept;
  void open();
  bool look() noexcept;

  std::uint64_t allowed_seen_ = 0;  // the producer's
  Production* production_ = nullptr;
  bool begun_ = false;
  bool end_written_ = false;
  std::unique_ptr<ErrorInfo> error_;
  std::uint64_t window_;
  std::uint64_t grant_step_ = 1;
  std::uint64_t granted_ = 0;
  End producer_;
  End consumer_;
  std::unique_ptr<FarProducer> far_producer_;
  std::unique_ptr<FarConsumer> far_consumer_;
  alignas(64) std::atomic<std::uint64_t> written_{0};  // items, twice; and 1 at the end
  alignas(64) std::atomic<std::uint64_t> allowed_{0};
  std::atomic<bool> stopped_{false};  // the consumer is gone
};

}  // namespace corps::detail

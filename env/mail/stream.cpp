#include "corps/stream.hpp"

#include <algorithm>
#include <stdexcept>

#include "corps/detail/local_request.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/tasks.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/cancel.hpp"
#include "env/mail/internal/workers.hpp"

namespace corps::detail {

/// The coroutine of a stream as a Task of its Worker.
struct ChannelBase::Production final : LocalRequest<> {
  Production() : LocalRequest(nullptr) {}
};

ChannelBase::ChannelBase() : window_(stream_window) {}
ChannelBase::~ChannelBase() = default;

// --- waking ------------------------------------------------------------------------------------------------------

/// The flag has said that it may be sent.
void ChannelBase::send_wake(End& end) noexcept {
  if (&end == &consumer_ && far_consumer_ != nullptr) return far_consumer_->woken();
  end.wake.channel = shared_from_this();
  end.wake.target = end.id;
  if (!end.cell->push(&end.wake)) (void)end.wake.landed();
}

std::shared_ptr<ChannelBase> ChannelBase::Wake::landed() noexcept {
  auto kept = std::move(channel);
  end.flag.arrived();
  return kept;
}

void ChannelBase::Wake::arrive(Cell& cell) {
  auto const kept = landed();
  kept->on_wake(cell, end);
}

void ChannelBase::Wake::undeliverable() noexcept { (void)landed(); }

void ChannelBase::on_wake(Cell& cell, End const& end) {
  if (&end == &producer_) return run_producer(cell);
  if (consumer_.pause.waits() && !must_wait_to_read()) consumer_.pause.wake();
}

// --- the producer ------------------------------------------------------------------------------------------------

void ChannelBase::bind_producer() {
  producer_.cell = &self();
  producer_.id = producer_.cell->id.load(std::memory_order_relaxed);
}

void ChannelBase::begin(std::coroutine_handle<> frame) {
  production_ = std::make_unique<Production>().release();
  auto& cell = *producer_.cell;
  cell.context = adopt(*production_);
  production_->caller_context = {};
  production_->begin_frame(frame);
  producer_.flag.raise();
}

void ChannelBase::run_producer(Cell& cell) {
  if (production_ != nullptr && !begun_) {
    begun_ = true;
    auto const frame = production_->frame;
    if (stopped_.load(std::memory_order_acquire)) return frame_ended(*production_);
    cell.context = {never_ns, production_};
    cell.doing.store(&mail::own_task, std::memory_order_relaxed);
    frame.resume();
  } else if (production_ != nullptr && stopped_.load(std::memory_order_acquire)) {
    mail::cancel_task(cell, *production_);
  } else if (producer_.pause.waits() && !must_wait_to_write()) {
    producer_.pause.wake();
  }
}

void ChannelBase::ended_frame() noexcept { frame_ended(*production_); }

void ChannelBase::drop_frame() noexcept {
  producer_.pause.finish();
  if (!end_written_) {
    auto const where = to_string(producer_.cell->address());
    end(std::make_unique<ErrorInfo>(
        ErrorInfo{Errc::worker_lost, Ran::maybe, where + " ended while it produced a stream", {}, {}}));
  }
  production_ = nullptr;
}

void ChannelBase::drop_writer() noexcept {
  producer_.pause.finish();
  auto const where = to_string(producer_.cell->address());
  if (current_cell == producer_.cell && current_cell->exiting)
    return end(
        std::make_unique<ErrorInfo>(ErrorInfo{Errc::worker_lost, Ran::maybe, where + " ended while it wrote a stream", {}, {}}));
  end(std::make_unique<ErrorInfo>(
      ErrorInfo{Errc::remote,
                Ran::yes,
                "the StreamWriter at " + where + " was dropped without an end; call end() when there is no more",
                "corps::BrokenStream",
                {}}));
}

void ChannelBase::end(std::unique_ptr<ErrorInfo> error) noexcept {
  error_ = std::move(error);
  end_written_ = true;
  written_.store(count_ << 1U | 1U, std::memory_order_seq_cst);
  if (consumer_.flag.takes_a_wake()) send_wake(consumer_);
}

void ChannelBase::nobody_reads() const {
  if (production_ != nullptr) production_->progress.store(Request::Progress::told, std::memory_order_relaxed);
  throw Cancelled{"the consumer of the stream has dropped it, so nobody wants its items any more"};
}

bool ChannelBase::may_write() {
  if (stopped_.load(std::memory_order_relaxed)) [[unlikely]]
    nobody_reads();
  if (count_ < allowed_seen_) return true;
  allowed_seen_ = allowed_.load(std::memory_order_acquire);
  return count_ < allowed_seen_;
}

bool ChannelBase::must_wait_to_write() {
  return producer_.flag.must_wait(
      [this] { return count_ < allowed_.load(std::memory_order_seq_cst) || stopped_.load(std::memory_order_seq_cst); });
}

bool ChannelBase::wait_to_write(std::coroutine_handle<> awaiting) {
  if (!must_wait_to_write()) return false;
  producer_.pause.wait(awaiting);
  return true;
}

void ChannelBase::block_to_write() {
  if (must_wait_to_write()) producer_.pause.block();
}

void ChannelBase::check_write() {
  if (auto const early = producer_.pause.finish()) {
    if (early->code == Errc::timeout)
      early->text =
          "the consumer of the stream took no item before the deadline of the request that writes; give it longer with "
          "within(...), or look at what holds the consumer up";
    throw_error(*early);
  }
  (void)may_write();
}

// --- the consumer ------------------------------------------------------------------------------------------------

void ChannelBase::set_window(std::size_t items) noexcept {
  if (consumer_.cell == nullptr) window_ = std::max<std::size_t>(1, items);
}

void ChannelBase::open() {
  consumer_.cell = &self();
  consumer_.id = consumer_.cell->id.load(std::memory_order_relaxed);
  grant_step_ = std::max<std::uint64_t>(1, window_ / 4);
  grant();
}

/// Credit goes back in pieces of a quarter of the window, and before the consumer waits.
void ChannelBase::grant() noexcept {
  if (granted_ == read_ + window_) return;
  granted_ = read_ + window_;
  if (far_producer_ != nullptr) return far_producer_->allow(granted_);
  allowed_.store(granted_, std::memory_order_seq_cst);
  if (producer_.flag.takes_a_wake()) send_wake(producer_);
}

bool ChannelBase::may_read() {
  if (consumer_.cell != nullptr && consumer_.cell != current_cell) [[unlikely]]
    throw std::logic_error{"corps: a Stream is for the Worker, or the thread, that asked for its first item"};
  return look();
}

bool ChannelBase::look() noexcept {
  if (read_ < readable_ || ended_) return true;
  auto const written = written_.load(std::memory_order_seq_cst);
  readable_ = written >> 1U;
  ended_ = (written & 1U) != 0;
  return read_ < readable_ || ended_;
}

bool ChannelBase::must_wait_to_read() {
  return consumer_.flag.must_wait([this] { return may_read(); });
}

bool ChannelBase::wait_to_read(std::coroutine_handle<> awaiting) {
  consumer_.cell == nullptr ? open() : grant();
  if (!must_wait_to_read()) return false;
  consumer_.pause.wait(awaiting);
  return true;
}

void ChannelBase::block_to_read() {
  consumer_.cell == nullptr ? open() : grant();
  if (must_wait_to_read()) consumer_.pause.block();
}

void ChannelBase::check_read() {
  auto const early = consumer_.pause.finish();
  if (early == nullptr || (early->code == Errc::timeout && may_read())) return;  // a cancel is said once, so it counts
  if (early->code == Errc::timeout)
    early->text =
        "no item of the stream came before the deadline of the request that waits; give it longer with within(...), or "
        "look at what holds the producer up";
  throw_error(*early);
}

void ChannelBase::check_end() const {
  if (error_ != nullptr) throw_error(*error_);
}

void ChannelBase::drop_consumer() noexcept {
  consumer_.pause.finish();
  if (far_producer_ != nullptr) return far_producer_->stop();
  stopped_.store(true, std::memory_order_seq_cst);
  bool const ended = (written_.load(std::memory_order_seq_cst) & 1U) != 0;
  if (!ended && producer_.flag.departs()) send_wake(producer_);
}

// --- a link in place of the consumer -----------------------------------------------------------------------------

void ChannelBase::allow(std::uint64_t items) noexcept {
  if (items <= granted_) return;
  granted_ = items;
  allowed_.store(granted_, std::memory_order_seq_cst);
  if (producer_.flag.takes_a_wake()) send_wake(producer_);
}

bool ChannelBase::far_consumer_must_wait() {
  return consumer_.flag.must_wait([this] { return look(); });
}

// --- errors ------------------------------------------------------------------------------------------------------

std::unique_ptr<ErrorInfo> stream_error(std::exception_ptr const& thrown) {
  return std::make_unique<ErrorInfo>(describe_thrown(thrown));
}

void no_writer() { throw std::logic_error{"corps: this StreamWriter has ended its stream, or was moved from"}; }

}  // namespace corps::detail

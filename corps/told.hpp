#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include "corps/detail/waiting.hpp"
#include "corps/error.hpp"

namespace corps {

namespace detail {

/// A tell that found no room, or nobody, is tried again, and waits for room in this thread's Worker. Takes it over; what
/// comes back ends when it is in the mailbox. Null: it went in.
Request* wait_for_room(Request& tell, std::int64_t limit_ns);

/// A tell that found no room, or nobody, and that nobody awaits: counted, logged, and freed.
void refuse_tell(Request& tell) noexcept;

template <class T, class Self>
class Callable;

}  // namespace detail

/// What a `tell` leaves behind. A Worker may await it, to wait for room where the mailbox of the target is full:
///
///   co_await meter.tell<&Meter::note>(value);
///
/// It waits in the order sent, with the calls of this Worker, up to the limit of `within` or `limits.request_timeout`, and counts
/// among the open calls meanwhile. It throws Overloaded if there was no room until then, or the class refuses;
/// WorkerLost if the target has ended. That the method has run, it does not say. For a Worker in another Env it does not wait.
///
/// Not awaited, and there is no room: the tell is refused, counted and logged. Dropping it while it waits does not take the
/// tell back.
/// Threads: belongs to the Worker that told. On a plain thread `tell` itself waits for room, and nothing is left to be awaited.
class Told {
 public:
  Told(Told&& other) noexcept
      : request_(std::exchange(other.request_, nullptr)), limit_ns_(other.limit_ns_), waits_(other.waits_) {}
  Told& operator=(Told&& other) noexcept {
    std::swap(request_, other.request_);
    std::swap(limit_ns_, other.limit_ns_);
    std::swap(waits_, other.waits_);
    return *this;
  }
  ~Told() {
    if (request_ != nullptr) [[unlikely]]
      let_go();
  }

  auto operator co_await() {
    struct Awaiter {
      bool await_ready() const { return told.request_ == nullptr || told.request_->ended(); }
      void await_suspend(std::coroutine_handle<> awaiting) const { detail::await(*told.request_, awaiting); }
      void await_resume() const {
        auto* const request = told.request_;
        if (request == nullptr) return;
        if (auto const* error = request->failure()) throw_error(*error);
      }
      Told& told;
    };
    if (request_ != nullptr && !waits_) {
      request_ = detail::wait_for_room(*std::exchange(request_, nullptr), limit_ns_);
      waits_ = true;
    }
    return Awaiter{*this};
  }

 private:
  template <class T, class Self>
  friend class detail::Callable;
  Told(detail::Request* not_sent, std::int64_t limit_ns) noexcept : request_(not_sent), limit_ns_(limit_ns) {}

  void let_go() noexcept {
    if (waits_)
      request_->drop();
    else
      detail::refuse_tell(*request_);
  }

  detail::Request* request_;  // not sent; or, once it waits, what stands for it; null once it is sent
  std::int64_t limit_ns_;
  bool waits_ = false;
};

}  // namespace corps

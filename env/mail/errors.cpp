#include "env/mail/internal/errors.hpp"

#include <fmt/format.h>

#include "corps/detail/class_record.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/descriptors.hpp"

namespace corps {

namespace mail {

std::string method_name(detail::Request const& request) {
  return request.method == nullptr ? std::string{"a task"} : detail::readable(*request.method);
}

ErrorInfo timed_out(detail::Request const& request, ConcAddr target) {
  if (is_descriptor_wait(request)) return descriptor_timed_out(request);
  return {Errc::timeout,
          Ran::maybe,
          fmt::format("{} at {} did not answer before the deadline of the call; give it longer with within(...), or look at what "
                      "holds it up",
                      method_name(request), to_string(target)),
          {},
          {}};
}

ErrorInfo not_begun_in_time(detail::Request const& request, ConcAddr target) {
  return {Errc::timeout,
          Ran::no,
          fmt::format("{} at {} was not begun before the deadline of the call, because the target was busy; give it longer with "
                      "within(...), or look at what holds it up",
                      method_name(request), to_string(target)),
          {},
          {}};
}

ErrorInfo no_room_in_time(detail::Request const& request) {
  return {
      Errc::overloaded,
      Ran::no,
      fmt::format("the mailbox of {} was full, and had no room for {} before the limit of the tell; send fewer at a time, give "
                  "it longer with within(...), or raise limits.mailbox",
                  to_string(request.sent_to), method_name(request)),
      {},
      {}};
}

ErrorInfo cancelled(detail::Request const& request, Ran ran) {
  auto text = request.method == nullptr
                  ? std::string{"a Task was cancelled"}
                  : fmt::format("the call of {} at {} was cancelled {}", method_name(request), to_string(request.sent_to),
                                ran == Ran::no ? "before it was begun" : "before it had answered");
  return {Errc::cancelled, ran, std::move(text) + " by the Worker that made it, or because that was cancelled itself", {}, {}};
}

ErrorInfo ended_while_running(detail::Request const& request, ConcAddr target) {
  return {
      Errc::worker_lost, Ran::maybe, fmt::format("{} ended while it ran {}", to_string(target), method_name(request)), {}, {}};
}

}  // namespace mail

namespace detail {

void end_unsent(Request& request) {
  request.error = std::make_unique<ErrorInfo>(
      ErrorInfo{Errc::overloaded,
                Ran::no,
                fmt::format("this Worker has {} calls open, the most it may have; await some of them first, or raise "
                            "limits.open_calls_per_worker",
                            env_facts.open_calls_max),
                {},
                {}});
  request.home = true;
}

ErrorInfo mailbox_full(ConcAddr target, std::uint32_t room) {
  return {
      Errc::overloaded,
      Ran::no,
      fmt::format("the mailbox of {} is full: it has room for {} requests, or fewer large ones, and its class refuses more; send "
                  "fewer at a time, or raise limits.mailbox, or corps_mailbox of the class",
                  to_string(target), room),
      {},
      {}};
}

ErrorInfo dropped_as_oldest(ConcAddr target) {
  return {Errc::overloaded,
          Ran::no,
          fmt::format("the mailbox of {} was full, and its class drops the oldest request, which was this one; send fewer at a "
                      "time, or raise corps_mailbox of the class",
                      to_string(target)),
          {},
          {}};
}

ErrorInfo no_such_worker(ConcAddr target) {
  return {
      Errc::worker_lost, Ran::no, fmt::format("there is no Worker at {}: it has ended, or never was", to_string(target)), {}, {}};
}

void wrong_class(Cell const& cell, MethodRecord const& method) {
  throw NotRun{
      {Errc::attribute,
       Ran::no,
       fmt::format("{} is a {}, which has no {}; the Name says another class than the Worker has", to_string(cell.address()),
                   cell.cls == nullptr ? std::string_view{"thread"} : cell.cls->name, readable(method)),
       {},
       {}}};
}

void not_yet(Request const& request, std::chrono::nanoseconds limit) {
  throw Timeout{fmt::format("{} at {} did not answer within the {} ms that get() was given; the call goes on",
                            mail::method_name(request), to_string(request.sent_to),
                            std::chrono::duration_cast<std::chrono::milliseconds>(limit).count())};
}

}  // namespace detail
}  // namespace corps

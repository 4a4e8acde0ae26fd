#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corps {

/// The one table of errors. The numbers travel on the wire and never change their meaning.
enum class Errc : std::uint16_t {
  attribute = 1,     // the target has no such method, or is of another class
  overloaded = 2,    // a named limit is reached
  refused = 3,       // the target, or its Env, does not take requests (it is stopping, or must not be called)
  decode = 4,        // bytes could not be unpacked
  config = 5,        // a config file, option or environment variable is wrong
  timeout = 10,      // the deadline of the call passed
  worker_lost = 11,  // the target ended, or the way to it is gone
  cancelled = 12,    // the caller gave the call up
  call_cycle = 13,   // requests wait for each other in a circle
  remote = 20,       // the method ran and threw
};

/// Whether the method of a failed call ran: what a caller must know before it calls again.
enum class Ran : std::uint8_t { no = 0, maybe = 1, yes = 2 };

/// What an error says, in a form that travels between processes.
struct ErrorInfo {
  Errc code = Errc::remote;
  Ran ran = Ran::yes;
  std::string text;                // what happened, where, and what to do
  std::string type;                // of RemoteError: the class of the exception that was thrown
  std::vector<std::string> chain;  // the calls it came through, innermost first: "Class::method at env 3, conc 17.1"
};

/// Base of every error that a Future, a Name or the runtime itself reports.
/// Threads: an error is a value; copies are independent.
class Error : public std::exception {
 public:
  explicit Error(ErrorInfo info);
  ~Error() override;

  char const* what() const noexcept override { return what_.c_str(); }
  Errc code() const noexcept { return info_.code; }
  /// False only where the method surely did not run, so that calling again is safe.
  bool may_have_run() const noexcept { return info_.ran != Ran::no; }
  std::string const& text() const noexcept { return info_.text; }
  std::vector<std::string> const& chain() const noexcept { return info_.chain; }
  ErrorInfo const& info() const noexcept { return info_; }

 private:
  ErrorInfo info_;
  std::string what_;
};

/// One class per line of the table, so that `catch` can choose.
template <Errc code_value, Ran ran_default>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(std::string text, Ran ran = ran_default) : Error(ErrorInfo{code_value, ran, std::move(text), {}, {}}) {}
  explicit ErrorOf(ErrorInfo info) : Error(std::move(info)) {}
};

class AttributeError final : public ErrorOf<Errc::attribute, Ran::no> {
  using ErrorOf::ErrorOf;
};
class Overloaded final : public ErrorOf<Errc::overloaded, Ran::no> {
  using ErrorOf::ErrorOf;
};
class Refused final : public ErrorOf<Errc::refused, Ran::no> {
  using ErrorOf::ErrorOf;
};
class DecodeError final : public ErrorOf<Errc::decode, Ran::no> {
  using ErrorOf::ErrorOf;
};
class ConfigError final : public ErrorOf<Errc::config, Ran::no> {
  using ErrorOf::ErrorOf;
};
class Timeout final : public ErrorOf<Errc::timeout, Ran::maybe> {
  using ErrorOf::ErrorOf;
};
class WorkerLost final : public ErrorOf<Errc::worker_lost, Ran::maybe> {
  using ErrorOf::ErrorOf;
};
class Cancelled final : public ErrorOf<Errc::cancelled, Ran::maybe> {
  using ErrorOf::ErrorOf;
};
class CallCycle final : public ErrorOf<Errc::call_cycle, Ran::maybe> {
  using ErrorOf::ErrorOf;
};
/// The method threw: type() is the class of the exception, text() what it said.
class RemoteError final : public ErrorOf<Errc::remote, Ran::yes> {
 public:
  using ErrorOf::ErrorOf;
  std::string const& type() const noexcept { return info().type; }
};

/// The name of a code as users see it: "WorkerLost".
std::string_view error_name(Errc code) noexcept;

/// Throws the class that belongs to `info.code`; an unknown code from a newer peer becomes a RemoteError.
[[noreturn]] void throw_error(ErrorInfo const& info);

}  // namespace corps

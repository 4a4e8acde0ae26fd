#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "corps/address.hpp"
#include "corps/fwd.hpp"
#include "corps/task.hpp"

namespace corps {

class Config;
class Incoming;
struct ErrorInfo;

namespace detail {
struct Cell;
struct ConcAccess;
}  // namespace detail

/// Some methods of a class: `static constexpr auto corps_interleaved_methods = corps::methods<&T::status>;`
template <auto... M>
struct Methods {};
template <auto... M>
inline constexpr Methods<M...> methods{};

/// Base of every persistent concurrent object. Its methods run one request at a time, across their awaits too, each in
/// a turn of its own on some thread of its Env; so its members need no lock. A class that declares
/// `static constexpr bool corps_interleaved = true` begins requests while others wait; with `corps_interleaved_methods` only
/// those for some methods, which then overtake what has not begun. One that declares `static constexpr bool corps_receives =
/// true` serves what its `on_main` receives: see corps/receive.hpp.
///
/// Objects are made by `corps::create`, on the Env's threads, and end by `corps::exit` or with their Env. What the
/// constructor throws ends the creation. The destructor runs after the suspended methods of the object were destroyed.
///
/// Only names that begin with `my_` and `on_` are added to a derived class.
class Conc {
 public:
  Conc(Conc const&) = delete;
  Conc& operator=(Conc const&) = delete;
  virtual ~Conc();

  // What the object knows of itself, from its constructor on. Only in its own turns. An object that was not made by
  // `create` has no address (env 0, conc none), no tag, and an empty Config.
  ConcAddr my_addr() const noexcept;
  /// Its Name as any Conc has one, for `exit`, `watch` and the like; `name_of(*this)` is the one with its class.
  Name<Conc> my_name() const noexcept;
  EnvId my_env() const noexcept { return my_addr().env; }
  std::string_view my_class() const noexcept;
  std::string const& my_tag() const noexcept;
  /// The Worker that created this one and answers for it.
  ConcAddr my_mgr() const noexcept;
  /// The Conc that fronts the Corps: `Name<App>{my_corps()}`.
  ConcAddr my_corps() const noexcept { return {0, corps_front_id}; }
  /// The name of the machine.
  std::string const& my_host() const;
  // What the object knows of the request that it serves, as `this_request()` says (corps/incoming.hpp); in `on_main` and spawned
  // Tasks there is none: no caller (conc none), an empty name, `max()`.
  ConcAddr my_caller() const noexcept;
  std::string_view my_method() const noexcept;
  std::chrono::steady_clock::time_point my_deadline() const noexcept;
  /// What the application was started with.
  Config const& my_config() const noexcept;

  /// Sees each request before it is served; by throwing it refuses it: the caller gets an error of the table that says "not run"
  /// (`corps::Refused`, `corps::Overloaded` …) as it is, and anything else as Refused with its text. In the turn of the request;
  /// must not wait. The creation is no such request. A class that does not override it pays nothing.
  virtual void on_request(Incoming const& request);
  /// Sees each request that was served when it has ended, before its answer leaves. `error` is null if it has a value. Not of
  /// requests that end with the object. In a turn of the object; must not wait.
  virtual void on_reply(Incoming const& request, ErrorInfo const* error) noexcept;

  /// The object's own activity: begun after on_start, it goes on beside the requests, each at the other's awaits. If it throws,
  /// that is logged and the object ends.
  virtual Task<> on_main();

 protected:
  Conc();

  /// Runs before the first request is served. If it throws, the object ends and its creation with it.
  virtual Task<> on_start();
  /// The last turn, just before the destructor: for what needs a whole object. Must not wait.
  virtual void on_exit() noexcept {}

 private:
  friend struct detail::ConcAccess;
  detail::Cell* my_cell_ = nullptr;
};

namespace detail {
/// How the runtime gets at a Conc.
struct ConcAccess {
  static Cell* cell(Conc const& object) noexcept { return object.my_cell_; }
  static Task<> on_start(Conc& object) { return object.on_start(); }
  static Task<> on_main(Conc& object) { return object.on_main(); }
  static void on_exit(Conc& object) noexcept { object.on_exit(); }
};
}  // namespace detail

}  // namespace corps

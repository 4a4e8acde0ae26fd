#pragma once

/// Calls that the runtime may retry. A class says which of its methods do no harm when they run twice, after the methods:
///
///   class Cache : public corps::Conc {
///    public:
///     std::string find(std::string key);
///     void put(std::string key, std::string value, std::uint64_t version);   // ignores older ones
///     static constexpr auto corps_idempotent_methods = corps::methods<&Cache::find, &Cache::put>;
///   };
///
/// A call to another Env that is lost with its session, and may have run, is then sent again in the next session, up to
/// `limits.retries` times and until its deadline, in place of ending with WorkerLost. Its arguments are packed once: the link
/// keeps the bytes until the call ends, `limits.in_flight_per_link` of them at most, and does not retry what is beyond that. A
/// first run that still goes on is not retried: it answers. Never retried is a call that was cancelled, one to an Env or a
/// Worker that has ended, and one after which its caller sent the same Worker another call that was answered, or cannot be
/// retried and may have run: what one Worker sends to another stays in order. A `tell` is not retried, and not waited for
/// either: a retried call comes after it.
///
/// An error after a retry may_have_run, whatever it is. A method that takes a Stream cannot be declared. Reading a data member
/// (`name.get`) is idempotent, writing one is not. The class that declares the method says so, be it a base or an interface; for
/// an override in a derived class, that class says so anew, or calls of `&Derived::method` are not retried.
namespace corps {

/// The same of a free function that Funcs offer. It must be seen in each translation unit before the function is first named to
/// Corps there: best right behind the function, in its header.
///
///   template <>
///   inline constexpr bool corps::is_idempotent<&math::square> = true;
template <auto F>
inline constexpr bool is_idempotent = false;

}  // namespace corps

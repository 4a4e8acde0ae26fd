#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/method_id.hpp"
#include "corps/fwd.hpp"
#include "corps/overflow.hpp"

namespace corps {
class Unpacker;
}

namespace corps::detail {

struct MethodRecord;
struct Request;

inline constexpr std::uint8_t hook_request = 1;   // on_request
inline constexpr std::uint8_t hook_reply = 2;     // on_reply
inline constexpr std::uint8_t hook_selects = 4;   // some requests may begin though the object is busy
inline constexpr std::uint8_t hook_receives = 8;  // its main loop says which

/// A class whose objects live in this program. One object of this type a class, for the life of the program.
struct ClassRecord {
  std::string_view name;
  std::type_info const& type;
  bool interleaved;
  /// Of a Func: whether it offers a function; else null.
  bool (*offers)(MethodRecord const& function) noexcept = nullptr;
  Overflow overflow = Overflow::wait;
  std::uint32_t mailbox = 0;  // units of room at each object; 0: by limits.mailbox
  std::uint8_t hooks = 0;     // that the class has: bits, above
  /// Whether it begins requests for this method while others wait; null: for none, or for all.
  bool (*interleaves)(MethodRecord const& method) noexcept = nullptr;
};

/// A method (or the reading or writing of a member, or a way to construct a class) that requests can name. One object
/// of this type a method, for the life of the program; records of which some peer may speak are in the table.
struct MethodRecord {
  MethodId id;
  /// A request with the arguments unpacked from bytes. Throws DecodeError.
  std::unique_ptr<Request> (*make)(Unpacker& in);
  /// For a way to construct: of which class; else null.
  ClassRecord const* constructs = nullptr;
  /// For a way to construct: what the new Worker is called and who answers for it, out of the request's arguments.
  struct WorkerInfo const& (*describe_new)(Request const& request) = nullptr;

  /// For what the Env itself serves, and no Worker: does it. Any thread.
  void (*env_serves)(std::unique_ptr<Request> request) = nullptr;
  /// It may be run twice without harm: a call that may be lost with its link is sent again.
  bool idempotent = false;

  MethodRecord const* next_registered = nullptr;
};

/// Adds a record to the table. Before main, or when a library is loaded; any thread.
void register_method(MethodRecord& record) noexcept;

/// The record of a method that a peer names; null if this program has none.
MethodRecord const* find_method(std::uint64_t hash) noexcept;

/// The signatures of the methods of this class and name: those of a MethodId. The first `count_max` of them.
std::vector<std::string_view> find_signatures(std::string_view class_name, std::string_view method_name, std::size_t count_max);

/// Text of the clash if two methods have one hash, naming both; empty if all is well.
std::string method_clash();

/// "Class::method", or the name of the function, for people.
std::string readable(MethodRecord const& record);

}  // namespace corps::detail

#pragma once

#include <bit>
#include <cereal/cereal.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "corps/address.hpp"
#include "corps/detail/brief_archive.hpp"
#include "corps/detail/bytes.hpp"
#include "corps/detail/given.hpp"
#include "corps/detail/packable.hpp"

/// Packing: values to bytes and back. Arguments and results travel packed, and Images are packed state.
///
/// What can be packed: bool, integers, enums, float and double; std::string, the standard containers, array, pair, tuple,
/// optional, variant, chrono durations and time points, filesystem paths; plain aggregates of such, without any function for it;
/// and every class with Cereal's `serialize`, or `save` and `load`, as a member or beside it, with or without a version. A type
/// needs a default constructor. Pointers, references and views never travel. What cannot be packed is refused by the compiler in
/// one line.
///
/// The format is little-endian with fixed widths; counts are 64 bits; every value takes at least one byte. It describes itself
/// nowhere: the two sides agree on types by the identity of the method (see corps/detail/method_id.hpp).
namespace corps {

/// One message (the arguments of a call, or its result) takes no more bytes than this unless configured (`limits.message`).
inline constexpr std::size_t message_bytes_max_default = std::size_t{256} << 20;

/// How deep values may lie inside one another: trees may be deeper than the stack of whoever unpacks them.
/// Counted are aggregates and classes with a serialize function.
inline constexpr std::uint32_t nesting_levels_max = 64;

/// T can be packed and unpacked.
template <class T>
concept Packable = std::is_same_v<detail::MisfitOf<T>, detail::Fit>;

static_assert(std::endian::native == std::endian::little,
              "corps: packing copies numbers as they lie in memory, and so wants a little-endian machine");

/// Appends packed values to a buffer: a Cereal output archive. `packer(a, b, c)` packs in that order.
/// Threads: one at a time. Lifetime: the buffer must outlive it.
/// Fails with Overloaded past `bytes_max` bytes (limit `message`) or `nesting_levels_max` levels (limit `nesting`), and with what
/// a user's serialize throws; the buffer then holds a part of the value, which the caller takes back with `truncate`.
class Packer final : public cereal::OutputArchive<Packer> {
 public:
  explicit Packer(detail::ByteBuffer& out, std::size_t bytes_max = message_bytes_max_default);
  /// What give() gets and what is larger than `copied_bytes_max` goes into `given`, and is not copied.
  Packer(detail::ByteBuffer& out, std::size_t bytes_max, detail::AllGiven& given, std::size_t copied_bytes_max);
  ~Packer() override;

  template <class... T>
  Packer& operator()(T const&... values) {
    (pack(values), ...);
    return *this;
  }
  template <class T>
  Packer& operator&(T const& value) {
    return (*this)(value);
  }
  template <class T>
  Packer& operator<<(T const& value) {
    return (*this)(value);
  }

  /// Packs values that nobody needs any more: of strings and vectors in them the memory may be taken.
  template <class... T>
  Packer& give(T&... values) {
    static_assert((!std::is_const_v<T> && ...), "corps: a const value cannot be given away");
    copied_bytes_max_ = of_given_copied_bytes_max_;
    (pack(values), ...);
    copied_bytes_max_ = SIZE_MAX;
    return *this;
  }

  /// What follows is for an Env of another Corps if `to` stands for one (see ext_env_first): Names in it are packed so that they
  /// mean the same there.
  Packer& for_env(EnvId to) {
    if (to >= ext_env_first) [[unlikely]]
      for_corps(to);
    return *this;
  }

  /// A Worker of the Corps that it is packed for goes as its ConcAddr, any other as its ExtAddr.
  void put_address(ConcAddr address) {
    if (is_external(address) || corps_ != nullptr) [[unlikely]]
      return put_ext_address(address);
    put_number(address.env);
    put_number(address.conc);
  }

  /// Bytes as they are.
  void put(void const* bytes, std::size_t count) {
    if (count > bytes_max_ - bytes_packed()) too_long(count);
    out_.append(bytes, count);
  }
  /// Bytes packed by this Packer so far.
  std::size_t bytes_packed() const noexcept { return out_.size() - begin_ + bytes_kept_; }

 private:
  friend class detail::Brief<Packer>;
  using Base = cereal::OutputArchive<Packer>;

  template <class T>
  void pack(T const& value);
  template <class T>
  void pack(cereal::NameValuePair<T> const& pair) {
    pack(pair.value);
  }
  template <class T>
  void pack(cereal::SizeTag<T> const& tag) {
    put_number(static_cast<std::uint64_t>(tag.size));
  }
  template <class T>
  void pack(cereal::BinaryData<T> const& data) {
    put(data.data, data.size);
  }
  template <class T>
  void pack(cereal::base_class<T> const& base) {
    pack_known(*base.base_ptr);  // the base may be abstract, and so not packable by itself
  }
  template <class T>
  void pack(cereal::virtual_base_class<T> const& base) {
    uses_cereal_ = true;
    Base::operator()(base);
  }
  template <class T>
  void pack(cereal::DeferredData<T> const& data) {
    pack(data.value);  // deferring serves cycles of pointers, which do not travel
  }

  // The value is known to be packable: one function a kind. Bodies: corps/detail/pack_values.hpp
  template <class T>
  void pack_known(T const& value);
  template <class T>
  void put_number(T value) {
    put(&value, sizeof value);
  }
  /// What is empty still takes a byte, so that a claimed count of it costs the sender something.
  void put_nothing() { put_number(std::uint8_t{0}); }
  template <class T>
  void pack_elements(T const& container);
  template <class T>
  void pack_bytes_of(T const& container);
  template <class T>
  void pack_variant(T const& value);
  template <class T>
  void pack_own(T const& value);
  template <class T>
  void pack_aggregate(T const& value);

  void enter() {
    if (++level_ > nesting_levels_max) too_deep();
  }
  void leave() noexcept { --level_; }
  bool has_something_to_end() const noexcept { return uses_cereal_; }

  void keep(std::span<std::byte const> bytes, std::unique_ptr<detail::Keeper> keeper);
  void for_corps(EnvId to);
  void put_ext_address(ConcAddr address);

  [[noreturn]] void too_long(std::size_t more) const;
  [[noreturn]] static void too_deep();
  [[noreturn]] static void variant_without_value();

  detail::ByteBuffer& out_;
  std::size_t begin_;
  std::size_t bytes_max_;
  std::uint32_t level_ = 0;
  detail::AllGiven* given_ = nullptr;
  std::size_t of_given_copied_bytes_max_ = SIZE_MAX;  // larger values that are given away are kept
  std::size_t copied_bytes_max_ = SIZE_MAX;           // the same, of what is packed now
  std::size_t bytes_kept_ = 0;
  CorpsId const* corps_ = nullptr;  // that it packs for; null: this one
  bool uses_cereal_ = false;        // more than its interface
};

/// Takes values out of bytes, which may be anybody's: a Cereal input archive. `unpacker(a, b, c)` assigns in that order.
/// Threads: one at a time. Lifetime: the bytes must outlive it; values do not refer to them.
/// Fails with DecodeError: too few bytes, a count that needs more bytes than are left, a value that no packer writes, more than
/// `nesting_levels_max` levels. Memory follows the bytes that are there, whatever they claim. The values are then valid, but
/// unspecified.
class Unpacker final : public cereal::InputArchive<Unpacker> {
 public:
  explicit Unpacker(std::span<std::byte const> bytes);
  /// The bytes lie in several pieces, one behind the other. The list of them must outlive it as well.
  explicit Unpacker(std::span<std::span<std::byte const> const> pieces);
  ~Unpacker() override;

  template <class... T>
  Unpacker& operator()(T&&... values) {
    (unpack(values), ...);
    return *this;
  }
  template <class T>
  Unpacker& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  Unpacker& operator>>(T&& value) {
    return (*this)(value);
  }

  /// The next `count` bytes as they are; where they lie may change with the next call.
  std::byte const* take(std::size_t count) {
    if (count > bytes_.size() - at_) return take_joined(count);
    std::byte const* const begin = bytes_.data() + at_;
    at_ += count;
    return begin;
  }
  /// As put_address of any Corps says it; an address of this Corps has come home.
  ConcAddr take_address() {
    auto const env = take_number<EnvId>();
    if (env >= ext_env_first) [[unlikely]]
      return take_ext_address(env);
    return {env, take_number<ConcId>()};
  }
  std::size_t bytes_left() const noexcept { return bytes_.size() - at_ + bytes_behind_; }
  /// Throws DecodeError if bytes are left: a message is used up by what it says.
  void finish() const {
    if (bytes_left() != 0) bytes_too_many();
  }
  /// Throws a DecodeError that says where, and that `what` is wrong. For load functions that check what they read.
  [[noreturn]] void fail(std::string_view what) const;

 private:
  friend class detail::Brief<Unpacker>;
  using Base = cereal::InputArchive<Unpacker>;

  template <class T>
  void unpack(T& value);
  template <class T>
  void unpack(cereal::NameValuePair<T>& pair) {
    unpack(pair.value);
  }
  template <class T>
  void unpack(cereal::SizeTag<T>& tag) {
    tag.size = static_cast<std::remove_reference_t<T>>(take_count(1));
  }
  template <class T>
  void unpack(cereal::BinaryData<T>& data) {
    take_into(data.data, data.size);
  }
  template <class T>
  void unpack(cereal::base_class<T>& base) {
    unpack_known(*base.base_ptr);
  }
  template <class T>
  void unpack(cereal::virtual_base_class<T>& base) {
    uses_cereal_ = true;
    Base::operator()(base);
  }
  template <class T>
  void unpack(cereal::DeferredData<T>& data) {
    unpack(data.value);
  }

  template <class T>
  void unpack_known(T& value);
  template <class T>
  T take_number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  ConcAddr take_ext_address(EnvId mark);
  bool take_bool();
  void take_text(std::string& text);
  void take_nothing();
  /// Of the next `count` bytes, those that lie together: at least one, if there are any.
  std::span<std::byte const> take_some(std::size_t count);
  void take_into(void* to, std::size_t count);
  std::byte const* take_joined(std::size_t count);
  /// A count of elements of which each takes at least `element_bytes_min` bytes.
  std::size_t take_count(std::size_t element_bytes_min);
  template <class T>
  void unpack_sequence(T& container);
  template <class T>
  void unpack_keyed(T& container);
  template <class T>
  void unpack_optional(T& value);
  template <class T>
  void unpack_variant(T& value);
  template <class T>
  void unpack_own(T& value);
  template <class T>
  void unpack_aggregate(T& value);

  void enter() {
    if (++level_ > nesting_levels_max) too_deep();
  }
  void leave() noexcept { --level_; }
  bool has_something_to_end() const noexcept { return uses_cereal_ || joined_.capacity() != 0; }

  [[noreturn]] void too_short(std::size_t wanted) const;
  [[noreturn]] void too_deep() const;
  [[noreturn]] void bytes_too_many() const;

  std::span<std::byte const> bytes_;  // the piece that is being taken from
  std::size_t at_ = 0;
  std::span<std::span<std::byte const> const> pieces_;  // behind it
  std::size_t bytes_behind_ = 0;                        // in these
  std::size_t bytes_before_ = 0;                        // that were taken of pieces before it
  detail::ByteBuffer joined_;
  std::uint32_t level_ = 0;
  bool uses_cereal_ = false;
};

// By these Cereal's base classes write what they add themselves: class versions, and what save_minimal returns.
template <class T>
void serialize(Packer& out, cereal::NameValuePair<T>& pair) {
  out(pair.value);
}
template <class T>
void serialize(Unpacker& in, cereal::NameValuePair<T>& pair) {
  in(pair.value);
}
template <class T>
concept IsCerealMinimal = std::is_arithmetic_v<T> || std::is_same_v<T, std::string>;
template <IsCerealMinimal T>
void save(Packer& out, T const& value) {
  out(value);
}
template <IsCerealMinimal T>
void load(Unpacker& in, T& value) {
  in(value);
}

/// A value packed on its own. Fails as Packer does.
template <class T>
detail::ByteBuffer pack_bytes(T const& value) {
  detail::ByteBuffer out;
  Packer{out}(value);
  return out;
}

/// The value that `bytes` hold, all of them. Fails as Unpacker does.
template <class T>
T unpack_bytes(std::span<std::byte const> bytes) {
  T value{};
  Unpacker in(bytes);
  in(value);
  in.finish();
  return value;
}

}  // namespace corps

// Lets Cereal's load_minimal find what save_minimal wrote.
CEREAL_SETUP_ARCHIVE_TRAITS(corps::Unpacker, corps::Packer)

#include "corps/detail/pack_values.hpp"

#pragma once

// Bodies of corps/pack.hpp: how each kind of value is packed and unpacked.

#include <array>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "corps/pack.hpp"

namespace corps {
namespace detail {

/// What an unpacked container reserves at once; beyond that it grows as its elements arrive.
inline constexpr std::size_t reserve_bytes_max = 4096;

/// Containers whose elements lie one after the other and are the same in memory and on the wire: one copy for all.
template <class T>
concept BulkCopied = is_plain_bytes<typename T::value_type>() && requires(T& container) {
  { container.data() } -> std::same_as<typename T::value_type*>;
};

}  // namespace detail

template <class T>
void Packer::pack(T const& value) {
  if constexpr (detail::require_packable<T>()) pack_known(value);
}

template <class T>
void Packer::pack_known(T const& value) {
  using detail::Kind;
  constexpr Kind kind = detail::kind_of<T>;
  if constexpr (kind == Kind::boolean) {
    put_number(static_cast<std::uint8_t>(value));
  } else if constexpr (kind == Kind::number || kind == Kind::enumeration) {
    put_number(value);
  } else if constexpr (kind == Kind::text) {
    put_number(static_cast<std::uint64_t>(value.size()));
    pack_bytes_of(value);
  } else if constexpr (kind == Kind::path) {
    pack_known(value.native());
  } else if constexpr (kind == Kind::sequence) {
    put_number(static_cast<std::uint64_t>(value.size()));
    pack_elements(value);
  } else if constexpr (kind == Kind::set || kind == Kind::map) {
    put_number(static_cast<std::uint64_t>(value.size()));
    auto const copied_bytes_max = std::exchange(copied_bytes_max_, SIZE_MAX);  // keys are const
    pack_elements(value);
    copied_bytes_max_ = copied_bytes_max;
  } else if constexpr (kind == Kind::array) {
    if constexpr (std::tuple_size_v<T> == 0)
      put_nothing();
    else
      pack_elements(value);
  } else if constexpr (kind == Kind::optional) {
    put_number(static_cast<std::uint8_t>(value.has_value()));
    if (value) pack_known(*value);
  } else if constexpr (kind == Kind::variant) {
    pack_variant(value);
  } else if constexpr (kind == Kind::tuple) {
    if constexpr (std::tuple_size_v<T> == 0)
      put_nothing();
    else
      std::apply([this](auto const&... element) { (this->pack_known(element), ...); }, value);
  } else if constexpr (kind == Kind::duration) {
    pack_known(value.count());
  } else if constexpr (kind == Kind::time_point) {
    pack_known(value.time_since_epoch());
  } else if constexpr (kind == Kind::name) {
    value.save(*this);
  } else if constexpr (kind == Kind::own) {
    pack_own(value);
  } else {
    static_assert(kind == Kind::aggregate);
    pack_aggregate(value);
  }
}

template <class T>
void Packer::pack_elements(T const& container) {
  if constexpr (detail::BulkCopied<T>) {
    pack_bytes_of(container);
  } else {
    // Named by type, because an element of vector<bool> is a proxy.
    for (typename T::value_type const& element : container) pack_known(element);
  }
}

/// Who gives a value away says so with give(): then it is not const.
template <class T>
void Packer::pack_bytes_of(T const& container) {
  auto const count = container.size() * sizeof(typename T::value_type);
  if constexpr (detail::can_be_kept<T>) {
    if (count > copied_bytes_max_) [[unlikely]] {
      if (count > bytes_max_ - bytes_packed()) too_long(count);
      auto keeper = std::make_unique<detail::KeeperOf<T>>(std::move(const_cast<T&>(container)));
      auto const bytes = std::as_bytes(std::span(keeper->value));
      return keep(bytes, std::move(keeper));
    }
  }
  put(container.data(), count);
}

template <class T>
void Packer::pack_variant(T const& value) {
  static_assert(std::variant_size_v<T> <= 255, "corps: a variant with more than 255 alternatives cannot be packed");
  if (value.valueless_by_exception()) variant_without_value();
  put_number(static_cast<std::uint8_t>(value.index()));
  std::visit([this](auto const& alternative) { this->pack_known(alternative); }, value);
}

template <class T>
void Packer::pack_own(T const& value) {
  std::size_t const begin = out_.size();
  auto const copied_bytes_max = std::exchange(copied_bytes_max_, SIZE_MAX);  // what it packs may be somebody else's
  enter();
  uses_cereal_ = true;
  Base::operator()(value);
  leave();
  copied_bytes_max_ = copied_bytes_max;
  if (out_.size() == begin) put_nothing();
}

template <class T>
void Packer::pack_aggregate(T const& value) {
  if constexpr (detail::member_count<T> == 0) {
    put_nothing();
  } else {
    enter();
    detail::visit_members(value, [this](auto const&... member) { (this->pack_known(member), ...); });
    leave();
  }
}

template <class T>
void Unpacker::unpack(T& value) {
  static_assert(!std::is_const_v<T>, "corps: a const value cannot be unpacked into");
  if constexpr (detail::require_packable<T>()) unpack_known(value);
}

template <class T>
void Unpacker::unpack_known(T& value) {
  using detail::Kind;
  constexpr Kind kind = detail::kind_of<T>;
  if constexpr (kind == Kind::boolean) {
    value = take_bool();
  } else if constexpr (kind == Kind::number) {
    value = take_number<T>();
  } else if constexpr (kind == Kind::enumeration) {
    if constexpr (detail::is_plain_bytes<T>())
      value = take_number<T>();
    else
      value = static_cast<T>(take_bool());
  } else if constexpr (kind == Kind::text) {
    if constexpr (std::is_same_v<T, std::string>) {
      take_text(value);
    } else {  // of another allocator
      std::string text;
      take_text(text);
      value.assign(text.data(), text.size());
    }
  } else if constexpr (kind == Kind::path) {
    typename T::string_type text;
    unpack_known(text);
    value = std::move(text);
  } else if constexpr (kind == Kind::sequence) {
    unpack_sequence(value);
  } else if constexpr (kind == Kind::set || kind == Kind::map) {
    unpack_keyed(value);
  } else if constexpr (kind == Kind::array) {
    if constexpr (std::tuple_size_v<T> == 0)
      take_nothing();
    else if constexpr (detail::BulkCopied<T>)
      take_into(value.data(), sizeof value);
    else
      for (auto& element : value) unpack_known(element);
  } else if constexpr (kind == Kind::optional) {
    unpack_optional(value);
  } else if constexpr (kind == Kind::variant) {
    unpack_variant(value);
  } else if constexpr (kind == Kind::tuple) {
    if constexpr (std::tuple_size_v<T> == 0)
      take_nothing();
    else
      std::apply([this](auto&... element) { (this->unpack_known(element), ...); }, value);
  } else if constexpr (kind == Kind::duration) {
    typename T::rep count{};
    unpack_known(count);
    value = T(count);
  } else if constexpr (kind == Kind::time_point) {
    typename T::duration since_epoch{};
    unpack_known(since_epoch);
    value = T(since_epoch);
  } else if constexpr (kind == Kind::name) {
    value.load(*this);
  } else if constexpr (kind == Kind::own) {
    unpack_own(value);
  } else {
    static_assert(kind == Kind::aggregate);
    unpack_aggregate(value);
  }
}

template <class T>
void Unpacker::unpack_sequence(T& container) {
  using Element = typename T::value_type;
  std::size_t const count = take_count(detail::packed_bytes_min<Element>);
  container.clear();
  if constexpr (detail::BulkCopied<T>) {
    container.resize(count);
    take_into(container.data(), count * sizeof(Element));
  } else {
    if constexpr (requires { container.reserve(count); }) {
      constexpr std::size_t at_once_max = detail::reserve_bytes_max / sizeof(Element) + 1;
      container.reserve(count < at_once_max ? count : at_once_max);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<Element, bool>)
        container.push_back(take_bool());
      else
        unpack_known(container.emplace_back());
    }
  }
}

template <class T>
void Unpacker::unpack_keyed(T& container) {
  constexpr bool is_map = detail::kind_of<T> == detail::Kind::map;
  std::size_t count = 0;
  if constexpr (is_map)
    count = take_count(detail::packed_bytes_min<typename T::key_type> + detail::packed_bytes_min<typename T::mapped_type>);
  else
    count = take_count(detail::packed_bytes_min<typename T::key_type>);
  container.clear();
  for (std::size_t i = 0; i < count; ++i) {
    typename T::key_type key{};
    unpack_known(key);
    if constexpr (is_map) {
      typename T::mapped_type mapped{};
      unpack_known(mapped);
      container.emplace_hint(container.end(), std::move(key), std::move(mapped));
    } else {
      container.emplace_hint(container.end(), std::move(key));
    }
    if (container.size() != i + 1) fail("a key comes twice");
  }
}

template <class T>
void Unpacker::unpack_optional(T& value) {
  value.reset();
  if (take_bool()) unpack_known(value.emplace());
}

template <class T>
void Unpacker::unpack_variant(T& value) {
  std::size_t const index = take_number<std::uint8_t>();
  bool const found = [&]<std::size_t... i>(std::index_sequence<i...>) {
    return ((i == index && (unpack_known(value.template emplace<i>()), true)) || ...);
  }
  (std::make_index_sequence<std::variant_size_v<T>>{});
  if (!found) fail("a variant has no alternative of this number");
}

template <class T>
void Unpacker::unpack_own(T& value) {
  std::size_t const begin = at_;
  enter();
  uses_cereal_ = true;
  Base::operator()(value);
  leave();
  if (at_ == begin) take_nothing();
}

template <class T>
void Unpacker::unpack_aggregate(T& value) {
  if constexpr (detail::member_count<T> == 0) {
    take_nothing();
  } else {
    enter();
    detail::visit_members(value, [this](auto&... member) { (this->unpack_known(member), ...); });
    leave();
  }
}

}  // namespace corps

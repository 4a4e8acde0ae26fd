#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace corps::detail {

/// Keeps a value of which the bytes are still to be sent.
struct Keeper {
  virtual ~Keeper() = default;
};
template <class T>
struct KeeperOf final : Keeper {
  explicit KeeperOf(T&& given) : value(std::move(given)) {}
  T value;
};

/// A large value that was given to a Packer, which keeps it and has not copied its bytes: they stand behind what was packed
/// before it, and in front of what was packed after it.
struct Given {
  std::size_t at;  // of the bytes that were copied, so many are in front
  std::span<std::byte const> bytes;
  std::unique_ptr<Keeper> keeper;
};
using AllGiven = std::vector<Given>;

inline std::size_t bytes_given(AllGiven const& given) noexcept {
  std::size_t bytes = 0;
  for (auto const& one : given) bytes += one.bytes.size();
  return bytes;
}

/// Values that lie in memory of their own, which moves with them and may be freed by any thread.
template <class T>
inline constexpr bool can_be_kept = false;
template <>
inline constexpr bool can_be_kept<std::string> = true;
template <class T>
inline constexpr bool can_be_kept<std::vector<T>> = !std::is_same_v<T, bool>;

}  // namespace corps::detail

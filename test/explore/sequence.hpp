#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <type_traits>

#include "test/explore/explorer.hpp"

namespace explore {

/// In place of std::vector and std::deque: a few elements, which lie where the sequence lies, so that their bytes tell states
/// apart. What is taken out leaves nothing behind.
template <class T>
class Sequence {
 public:
  static constexpr std::size_t capacity = 4;

  Sequence() noexcept = default;
  explicit Sequence(std::size_t count) {
    while (size_ < count && has_room()) new (&memory_[sizeof(T) * size_++]) T();
  }
  Sequence(std::size_t count, T const& value) {
    for (std::size_t n = 0; n < count; ++n) push_back(value);
  }

  T* data() noexcept { return std::launder(reinterpret_cast<T*>(memory_.data())); }
  T const* data() const noexcept { return std::launder(reinterpret_cast<T const*>(memory_.data())); }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  T& operator[](std::size_t index) noexcept { return data()[index]; }
  T const& operator[](std::size_t index) const noexcept { return data()[index]; }
  T& front() noexcept { return *begin(); }
  T& back() noexcept { return *(end() - 1); }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  void push_back(T const& value) {
    if (has_room()) new (&memory_[sizeof(T) * size_++]) T(value);
  }
  void resize(std::size_t size) {
    while (size_ < size && has_room()) new (&memory_[sizeof(T) * size_++]) T();
  }
  void pop_front() noexcept { erase(begin()); }
  void pop_back() noexcept { erase(end() - 1); }
  void erase(T* place) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    std::copy(place + 1, end(), place);
    *(end() - 1) = T{};
    --size_;
  }

 private:
  bool has_room() const {
    if (size_ == capacity) the().fail("a sequence is longer than expected");
    return size_ < capacity;
  }

  alignas(T) std::array<std::byte, capacity * sizeof(T)> memory_{};
  std::size_t size_ = 0;
};

}  // namespace explore

namespace std {  // so that a macro may put it in place of the standard's
template <class T>
using explored_sequence = explore::Sequence<T>;

template <class T>
void erase(explore::Sequence<T>& sequence, T const& value) {
  auto* const place = std::find(sequence.begin(), sequence.end(), value);
  if (place != sequence.end()) sequence.erase(place);
}
}  // namespace std

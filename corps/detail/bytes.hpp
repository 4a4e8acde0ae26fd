#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace corps::detail {

/// A growable run of bytes that is never filled with zeros: what messages are packed into.
/// Growth doubles, so n appends cost O(n). Threads: one at a time. Moving it leaves the source empty.
class ByteBuffer {
 public:
  ByteBuffer() noexcept = default;
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    swap(other);
    other.release();
    return *this;
  }
  ByteBuffer(ByteBuffer const&) = delete;
  ByteBuffer& operator=(ByteBuffer const&) = delete;
  ~ByteBuffer() { release(); }

  std::byte* data() noexcept { return data_; }
  std::byte const* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<std::byte const> view() const noexcept { return {data_, size_}; }
  operator std::span<std::byte const>() const noexcept { return view(); }

  /// Copies `count` bytes to the end. `bytes` may be null only if `count` is 0, and must not point into this buffer.
  void append(void const* bytes, std::size_t count) {
    if (count == 0) return;
    std::memcpy(extend(count), bytes, count);
  }

  /// Adds `count` bytes of no particular value and returns where they begin; the caller writes them.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_) grow(count);
    std::byte* begin = data_ + size_;
    size_ += count;
    return begin;
  }

  /// Drops the bytes from `size` on: takes back what was packed half. `size` must not exceed size().
  void truncate(std::size_t size) noexcept { size_ = size; }
  /// Forgets the content and keeps the memory for the next use.
  void clear() noexcept { size_ = 0; }
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity - size_);
  }
  /// Gives the memory back.
  void release() noexcept;

  void swap(ByteBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void grow(std::size_t more);  // makes room for `more` bytes after size_; throws std::bad_alloc

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace corps::detail

#include "corps/detail/bytes.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace corps::detail {
namespace {

constexpr std::size_t first_capacity_bytes = 256;

}  // namespace

void ByteBuffer::grow(std::size_t more) {
  std::size_t const wanted = size_ + more;
  if (wanted < more) throw std::bad_alloc();
  std::size_t const capacity = std::max({wanted, capacity_ * 2, first_capacity_bytes});
  // realloc, because large buffers then grow by moving pages instead of copying bytes.
  void* const memory = std::realloc(data_, capacity);
  if (memory == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(memory);
  capacity_ = capacity;
}

void ByteBuffer::release() noexcept {
  std::free(data_);
  data_ = nullptr;
  size_ = 0;
  capacity_ = 0;
}

}  // namespace corps::detail

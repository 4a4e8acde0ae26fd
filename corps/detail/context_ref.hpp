#pragma once

#include <utility>

namespace corps {
class Packer;
class Unpacker;
}  // namespace corps

namespace corps::detail {

struct SharedContext;

/// One of those who share a context; nearly always nobody has any, and a copy is one look at a null pointer.
/// Threads: a value; copies may be in different threads.
class ContextRef {
 public:
  ContextRef() noexcept = default;
  /// Takes over the one reference to it.
  explicit ContextRef(SharedContext* shared) noexcept : shared_(shared) {}
  ContextRef(ContextRef const& other) noexcept : shared_(other.shared_) {
    if (shared_ != nullptr) [[unlikely]]
      share();
  }
  ContextRef(ContextRef&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  ContextRef& operator=(ContextRef other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~ContextRef() {
    if (shared_ != nullptr) [[unlikely]]
      release();
  }

  SharedContext const* get() const noexcept { return shared_; }

 private:
  void share() const noexcept;
  void release() noexcept;

  SharedContext* shared_ = nullptr;
};

/// As it travels to another Env. Unpacking throws DecodeError, also for what is larger than a context may be.
void pack_context(Packer& out, ContextRef const& context);
ContextRef unpack_context(Unpacker& in);

}  // namespace corps::detail

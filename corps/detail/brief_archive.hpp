#pragma once

#include <memory>
#include <utility>

namespace corps::detail {

/// A Packer or an Unpacker that lives for one message. Cereal's part of it ends three hash tables, which takes as long as packing
/// a small message; where nothing came into them, that is left out.
/// Threads and failures: as its Archive.
template <class Archive>
class Brief {
 public:
  template <class... A>
  explicit Brief(A&&... args) : archive_(std::forward<A>(args)...) {}
  Brief(Brief const&) = delete;
  Brief& operator=(Brief const&) = delete;
  ~Brief() {
    if (archive_.has_something_to_end()) std::destroy_at(&archive_);
  }

  Archive& operator*() noexcept { return archive_; }

 private:
  union {
    Archive archive_;
  };
};

}  // namespace corps::detail

#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/reactor.hpp"
#include "env/net/internal/shm_memory.hpp"

namespace corps::net {

/// What each side of a link over shared memory gives the other: its memory and its doorbell, in this order.
inline constexpr std::size_t shm_descriptors = 2;
using ShmDescriptors = std::array<host::UniqueFd, shm_descriptors>;

/// Whether links to Envs of this host go through shared memory.
enum class ShmUse : std::uint8_t {
  never,
  preferred,  // if both sides can
  required,   // or there is no link
};

/// Both directions of a link over shared memory, and the doorbells: an eventfd for each side, on which it sleeps.
/// Threads: one at a time writes, one at a time reads; they may be two. Ownership: maps the memory of both sides.
class ShmLink final : public Sign {
 public:
  /// This side's half. Nothing if the system has no memory or no descriptors for it: `why` says which.
  static std::unique_ptr<ShmLink> make(std::string& why);

  /// What goes to the peer, and stays this side's until it is given.
  std::array<int, shm_descriptors> offer() noexcept { return {own_.fd().get(), own_bell_.get()}; }
  void given() noexcept { own_.fd().reset(); }
  /// Takes the peer's half; the link is whole then. False: it is not what a peer gives; `why` says what is wrong with it.
  bool meet(ShmDescriptors of_peer, std::string& why);

  /// The doorbell of this side, to wait for: each ring is a write to it.
  host::UniqueFd& bell() noexcept { return own_bell_; }

  // The rest only of a link that is whole.

  /// Copies out what came. 0: nothing, or read_failure().
  std::size_t read(std::span<std::byte> to) noexcept;
  bool has_come() const noexcept override { return reader_->has_come(); }
  /// After read() gave nothing. True: the bell rings when there is something.
  bool leave_to_kernel() noexcept override { return reader_->sleep(); }
  std::string_view read_failure() const noexcept { return reader_->failure(); }
  bool is_damaged() const noexcept { return reader_->is_damaged(); }

  /// Takes as much as there is room for. 0 may be write_failure().
  std::size_t write(std::span<iovec const> parts) noexcept;
  /// After write() took less than all. True: the bell rings when there is room.
  bool wait_for_room() noexcept { return writer_->wait_for_room(); }
  std::string_view write_failure() const noexcept { return writer_->failure(); }

 private:
  explicit ShmLink(OwnSide own) noexcept : own_(std::move(own)) {}
  void ring() const noexcept;

  OwnSide own_;
  std::optional<PeerSide> peer_;
  host::UniqueFd own_bell_;
  host::UniqueFd peer_bell_;
  std::optional<RingWriter> writer_;
  std::optional<RingReader> reader_;
};

}  // namespace corps::net

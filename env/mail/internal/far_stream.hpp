#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/channel.hpp"

/// Streams whose producer and consumer are in two Envs.
namespace corps::mail {

/// Around the packing of what goes to another Env: the Streams in it. Unless they are kept, they are dropped at its end: what
/// they were packed into does not leave.
/// Threads: one; may be nested. No lock may be held at its end.
class StreamsSent {
 public:
  explicit StreamsSent(EnvId to) noexcept;
  ~StreamsSent();
  StreamsSent(StreamsSent const&) = delete;
  StreamsSent& operator=(StreamsSent const&) = delete;

  EnvId to() const noexcept { return to_; }
  void add(std::uint64_t number) { numbers_.push_back(number); }
  void keep() noexcept { numbers_.clear(); }

 private:
  EnvId to_;
  StreamsSent* outer_;
  std::vector<std::uint64_t> numbers_;
};

using Channels = std::vector<std::shared_ptr<detail::ChannelBase>>;

/// The Streams that were sent to this Env, the session with which has ended. They are not found any more; the caller drops them
/// where it holds no lock.
Channels take_streams_of(EnvId env);
void drop_streams(Channels channels) noexcept;

/// How many Streams other Envs have of this one.
std::size_t streams_sent() noexcept;

}  // namespace corps::mail

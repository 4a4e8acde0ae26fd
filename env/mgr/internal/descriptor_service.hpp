#pragma once

#include "env/mail/internal/descriptors.hpp"
#include "env/net/internal/network.hpp"

namespace corps::mgr {

/// Has the I/O thread wait for the descriptors that Workers wait for. Threads: any.
class DescriptorService final : public mail::DescriptorWaits {
 public:
  explicit DescriptorService(net::Network& network) : network_(network) {}

  void begin(std::uint64_t number, host::UniqueFd fd, bool to_write) override {
    network_.await_ready(number, std::move(fd), to_write,
                         [number](std::string const& error) { mail::descriptor_ready(number, error); });
  }
  void forget(std::uint64_t number) noexcept override { network_.forget_ready(number); }

 private:
  net::Network& network_;
};

}  // namespace corps::mgr

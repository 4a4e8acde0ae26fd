// The SHA256_ functions are used instead of EVP_MAC: an Env must be up within milliseconds, and the first EVP call reads
// OpenSSL's configuration and looks up a provider, which costs 500 to 900 µs of every process; these cost under 1 µs.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "env/net/internal/hmac.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace corps::net {

namespace {

constexpr std::size_t block_bytes = SHA256_CBLOCK;
static_assert(sizeof(Digest) == SHA256_DIGEST_LENGTH);

class Sha256 {
 public:
  Sha256() noexcept { SHA256_Init(&state_); }
  Sha256(Sha256 const&) = delete;
  Sha256& operator=(Sha256 const&) = delete;
  ~Sha256() { OPENSSL_cleanse(&state_, sizeof(state_)); }

  void add(std::span<std::byte const> bytes) noexcept { SHA256_Update(&state_, bytes.data(), bytes.size()); }
  Digest finish() noexcept {
    Digest digest;
    SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state_);
    return digest;
  }

 private:
  SHA256_CTX state_;
};

}  // namespace

Digest hmac_sha256(std::span<std::byte const> key, std::initializer_list<std::span<std::byte const>> parts) noexcept {
  std::array<std::byte, block_bytes> block{};
  if (key.size() > block_bytes) {
    Sha256 hash;
    hash.add(key);
    auto const digest = hash.finish();
    std::ranges::copy(digest, block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }

  constexpr std::byte inner_pad{0x36};
  constexpr std::byte outer_pad{0x5c};
  for (auto& byte : block) byte ^= inner_pad;
  Sha256 inner;
  inner.add(block);
  for (auto const& part : parts) inner.add(part);
  auto const inner_digest = inner.finish();

  for (auto& byte : block) byte ^= inner_pad ^ outer_pad;
  Sha256 outer;
  outer.add(block);
  outer.add(inner_digest);
  wipe(block);
  return outer.finish();
}

bool equal_in_constant_time(std::span<std::byte const> left, std::span<std::byte const> right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void wipe(std::span<std::byte> secret) noexcept { OPENSSL_cleanse(secret.data(), secret.size()); }

}  // namespace corps::net

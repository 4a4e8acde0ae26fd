#include "env/host/internal/boot_descriptor.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "corps/error.hpp"
#include "env/host/internal/system_error.hpp"

namespace corps::host {

namespace {

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

// Before the bytes. Both processes run the same file on the same host: no byte order to agree on.
struct Header {
  std::array<char, 8> magic;
  std::uint64_t length;
};
constexpr std::array<char, 8> magic_expected{'C', 'O', 'R', 'P', 'S', 'B', 'T', '1'};

void write_all(int fd, void const* from, std::size_t size, std::size_t offset) {
  auto const* bytes = static_cast<std::byte const*>(from);
  while (size > 0) {
    ssize_t const put = ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (put > 0) {
      bytes += put;
      offset += static_cast<std::size_t>(put);
      size -= static_cast<std::size_t>(put);
    } else if (errno != EINTR) {
      throw_system(errno, "write what a new process has to know");
    }
  }
}

[[noreturn]] void not_booted(int fd, std::string const& why) {
  throw Refused("this process was not started by an Env: descriptor " + std::to_string(fd) + " " + why +
                "; start the application with --config, the options for its Envs are its own");
}

// False where the file ends early or cannot be read.
bool read_all(int fd, void* to, std::size_t size, std::size_t offset) {
  auto* bytes = static_cast<std::byte*>(to);
  while (size > 0) {
    ssize_t const got = ::pread(fd, bytes, size, static_cast<off_t>(offset));
    if (got > 0) {
      bytes += got;
      offset += static_cast<std::size_t>(got);
      size -= static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) : bytes_(std::make_unique<std::byte[]>(size)), size_(size) {}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    cleanse(bytes());
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() { cleanse(bytes()); }

void cleanse(std::span<std::byte> secret) noexcept {
  if (!secret.empty()) {
    ::explicit_bzero(secret.data(), secret.size());
  }
}

UniqueFd seal_boot_bytes(std::span<std::byte const> bytes) {
  if (bytes.size() > boot_bytes_max) {
    throw Overloaded("what a new process has to know takes " + std::to_string(bytes.size()) + " bytes, at most " +
                     std::to_string(boot_bytes_max) + " are allowed; make the arguments of the application smaller");
  }
  UniqueFd memory(::memfd_create("corps-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) {
    throw_system(errno, "make memory for what a new process has to know");
  }
  Header const header{magic_expected, bytes.size()};
  write_all(memory.get(), &header, sizeof(header), 0);
  write_all(memory.get(), bytes.data(), bytes.size(), sizeof(header));
  if (::fcntl(memory.get(), F_ADD_SEALS, seals) != 0) {
    throw_system(errno, "seal what a new process has to know");
  }
  return memory;
}

SecretBytes take_boot_bytes(int fd) {
  if (::fcntl(fd, F_GETFD) < 0) {
    not_booted(fd, "is not open");
  }
  UniqueFd const memory(fd);
  // Only such memory has seals at all: a file, pipe or socket ends here. From here on nobody can change size or content.
  int const found = ::fcntl(fd, F_GET_SEALS);
  if (found < 0 || (found & seals) != seals) {
    not_booted(fd, "is not sealed memory");
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0 || static_cast<std::uint64_t>(status.st_size) < sizeof(Header) ||
      static_cast<std::uint64_t>(status.st_size) > sizeof(Header) + boot_bytes_max) {
    not_booted(fd, "has a size of " + std::to_string(status.st_size) + " bytes, which no Env makes");
  }
  Header header{};
  if (!read_all(fd, &header, sizeof(header), 0) || header.magic != magic_expected) {
    not_booted(fd, "does not begin with the mark of this version");
  }
  if (header.length != static_cast<std::uint64_t>(status.st_size) - sizeof(Header)) {
    not_booted(fd, "claims " + std::to_string(header.length) + " bytes and has " +
                       std::to_string(static_cast<std::uint64_t>(status.st_size) - sizeof(Header)));
  }
  SecretBytes bytes(header.length);
  if (!read_all(fd, bytes.bytes().data(), bytes.bytes().size(), sizeof(Header))) {
    not_booted(fd, "cannot be read");
  }
  return bytes;
}

}  // namespace corps::host

#include "corps/pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "corps/detail/ext_envs.hpp"
#include "corps/error.hpp"

namespace corps {
namespace {

/// In place of the EnvId: the rest of an ExtAddr follows.
constexpr EnvId ext_env_mark = 0xffff'ffff;

constexpr std::string_view remedy = "the message is damaged, or its sender was built from other types";

}  // namespace

Packer::Packer(detail::ByteBuffer& out, std::size_t bytes_max)
    : cereal::OutputArchive<Packer>(this), out_(out), begin_(out.size()), bytes_max_(bytes_max) {}
Packer::Packer(detail::ByteBuffer& out, std::size_t bytes_max, detail::AllGiven& given, std::size_t copied_bytes_max)
    : Packer(out, bytes_max) {
  given_ = &given;
  of_given_copied_bytes_max_ = copied_bytes_max;
}
Packer::~Packer() = default;

void Packer::for_corps(EnvId to) {
  corps_ = detail::ext_corps(to);
  if (corps_ == nullptr) throw Refused(fmt::format("there is no env {}, nor an Env of another Corps that it stands for", to));
}

void Packer::put_ext_address(ConcAddr address) {
  if (address.conc == ConcId::none) address.env = 0;  // nobody is nobody everywhere
  auto const ext = ext_addr(address);
  if (address.conc == ConcId::none || (corps_ != nullptr && ext.corps == *corps_)) {
    put_number(ext.env);
    put_number(ext.conc);
    return;
  }
  if (ext.corps == CorpsId{}) throw Refused(fmt::format("{} is in no Corps that this process knows of", to_string(address)));
  put_number(ext_env_mark);
  put(ext.corps.bytes.data(), ext.corps.bytes.size());
  put_number(ext.env);
  put_number(static_cast<std::uint8_t>(ext.endpoints.size()));
  for (auto const& endpoint : ext.endpoints) {
    put_number(static_cast<std::uint8_t>(endpoint.size()));
    put(endpoint.data(), endpoint.size());
  }
  put_number(ext.conc);
}

void Packer::keep(std::span<std::byte const> bytes, std::unique_ptr<detail::Keeper> keeper) {
  given_->push_back({out_.size(), bytes, std::move(keeper)});
  bytes_kept_ += bytes.size();
}

void Packer::too_long(std::size_t more) const {
  throw Overloaded(
      fmt::format("limit `message` ({} bytes) is reached: {} bytes are packed and {} more do not fit; send the value in "
                  "parts, or raise limits.message",
                  bytes_max_, bytes_packed(), more));
}
void Packer::too_deep() {
  throw Overloaded(
      fmt::format("limit `nesting` ({} levels) is reached: a value to be packed holds itself deeper than any receiver "
                  "would unpack; send it as a flat list",
                  nesting_levels_max));
}
void Packer::variant_without_value() {
  throw DecodeError("a std::variant that is valueless_by_exception cannot be packed; give it a value first");
}

Unpacker::Unpacker(std::span<std::byte const> bytes) : cereal::InputArchive<Unpacker>(this), bytes_(bytes) {}
Unpacker::Unpacker(std::span<std::span<std::byte const> const> pieces)
    : cereal::InputArchive<Unpacker>(this), pieces_(pieces.subspan(pieces.empty() ? 0 : 1)) {
  if (!pieces.empty()) bytes_ = pieces.front();
  for (auto const piece : pieces_) bytes_behind_ += piece.size();
}
Unpacker::~Unpacker() = default;

std::span<std::byte const> Unpacker::take_some(std::size_t count) {
  if (count > bytes_left()) too_short(count);
  while (at_ == bytes_.size() && !pieces_.empty()) {
    bytes_before_ += at_;
    bytes_ = pieces_.front();
    pieces_ = pieces_.subspan(1);
    bytes_behind_ -= bytes_.size();
    at_ = 0;
  }
  auto const part = bytes_.subspan(at_, std::min(count, bytes_.size() - at_));
  at_ += part.size();
  return part;
}

void Unpacker::take_into(void* to, std::size_t count) {
  auto* at = static_cast<std::byte*>(to);
  auto* const end = at + count;
  while (at != end) {
    auto const part = take_some(static_cast<std::size_t>(end - at));
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
}

std::byte const* Unpacker::take_joined(std::size_t count) {
  if (count > bytes_left()) too_short(count);
  joined_.clear();
  take_into(joined_.extend(count), count);
  return joined_.data();
}

ConcAddr Unpacker::take_ext_address(EnvId mark) {
  if (mark != ext_env_mark) fail(fmt::format("there is no env {}", mark));
  ExtAddr address;
  take_into(address.corps.bytes.data(), address.corps.bytes.size());
  address.env = take_number<EnvId>();
  std::size_t const endpoints = take_number<std::uint8_t>();
  if (endpoints > ExtAddr::endpoints_max) fail("an address of another Corps has too many endpoints");
  for (std::size_t i = 0; i < endpoints; ++i) {
    std::size_t const bytes = take_number<std::uint8_t>();
    auto const* const text = take(bytes);
    address.endpoints.emplace_back(reinterpret_cast<char const*>(text), bytes);
  }
  address.conc = take_number<ConcId>();
  return conc_addr(address);
}

bool Unpacker::take_bool() {
  auto const value = take_number<std::uint8_t>();
  if (value > 1) fail("a bool is neither 0 nor 1");
  return value == 1;
}

void Unpacker::take_text(std::string& text) {
  auto count = take_count(1);
  text.clear();
  while (count > 0) {
    auto const part = take_some(count);
    if (text.empty() && part.size() < count) text.reserve(count);
    text.append(reinterpret_cast<char const*>(part.data()), part.size());
    count -= part.size();
  }
}

void Unpacker::take_nothing() {
  if (take_number<std::uint8_t>() != 0) fail("a byte stands for an empty value, and is not 0");
}

std::size_t Unpacker::take_count(std::size_t element_bytes_min) {
  auto const count = take_number<std::uint64_t>();
  if (count > bytes_left() / element_bytes_min)
    fail(fmt::format("{} elements are announced, and {} bytes are left", count, bytes_left()));
  return static_cast<std::size_t>(count);
}

void Unpacker::fail(std::string_view what) const {
  throw DecodeError(fmt::format("cannot unpack at byte {} of {}: {}; {}", bytes_before_ + at_, bytes_before_ + at_ + bytes_left(),
                                what, remedy));
}
void Unpacker::too_short(std::size_t wanted) const {
  fail(fmt::format("{} bytes are needed, and {} are left", wanted, bytes_left()));
}
void Unpacker::too_deep() const { fail(fmt::format("values lie more than {} levels deep in one another", nesting_levels_max)); }
void Unpacker::bytes_too_many() const { fail(fmt::format("{} bytes are left over", bytes_left())); }

}  // namespace corps

#include "corps/bind.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "corps/detail/envelope.hpp"
#include "corps/error.hpp"

namespace corps::detail {
namespace {

constexpr std::uint64_t nothing = 0;

}  // namespace

std::unique_ptr<Request> not_a_method(Unpacker&) {
  throw AttributeError{"what it names is a function to be bound, not one that can be called"};
}

void nothing_bound() { throw std::logic_error{"corps: this Callable has no function: it was default-constructed or moved from"}; }

void pack_bound(Packer& out, Bound const* bound) {
  if (bound == nullptr) {
    out(nothing);
    return;
  }
  auto const& id = bound->record().id;
  out(id.hash, std::string{id.method_name});
  bound->pack(out);
}

std::shared_ptr<Bound const> unpack_bound(Unpacker& in, std::type_info const& type, std::string_view wire) {
  std::uint64_t hash = nothing;
  in(hash);
  if (hash == nothing) return nullptr;
  std::string name;
  in(name);
  auto const* const method = find_method(hash);
  if (method == nullptr || method->make != &not_a_method)
    throw AttributeError{fmt::format(
        "this program cannot run {}, which was bound in another one: it has no such function, or never binds it in this way",
        name)};
  auto const& record = static_cast<BoundRecord const&>(*method);
  if (record.type != type)
    throw AttributeError{
        fmt::format("{} {} is not what this Callable calls: {}", record.id.method_name, record.id.signature, wire)};
  return record.unpack(in);
}

}  // namespace corps::detail

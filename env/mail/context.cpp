#include "corps/context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

#include "corps/conc.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/error.hpp"
#include "corps/incoming.hpp"
#include "corps/pack.hpp"
#include "env/mail/internal/worker_extra.hpp"

namespace corps {

std::string const* Context::find(std::string_view key) const noexcept {
  for (auto const& [name, value] : keys)
    if (name == key) return &value;
  return nullptr;
}

void Context::set(std::string_view key, std::string value) {
  for (auto& [name, old] : keys)
    if (name == key) {
      old = std::move(value);
      return;
    }
  keys.emplace_back(key, std::move(value));
}

std::size_t Context::bytes() const noexcept {
  auto sum = trace.size() + user.size() + sizeof priority;
  for (auto const& [name, value] : keys) sum += name.size() + value.size();
  return sum;
}

namespace detail {

struct SharedContext {
  Context value;
  std::atomic<std::uint32_t> count{1};
};

void ContextRef::share() const noexcept { shared_->count.fetch_add(1, std::memory_order_relaxed); }

void ContextRef::release() noexcept {
  if (shared_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
}

void inherit_own_context(Request& request, Cell const& caller) noexcept { request.shared = caller.extra_if_any()->context; }

void pack_context(Packer& out, ContextRef const& context) {
  out(context.get() != nullptr);
  if (context.get() != nullptr) out(context.get()->value);
}

ContextRef unpack_context(Unpacker& in) {
  bool has_one = false;
  in(has_one);
  if (!has_one) return {};
  Context value;
  in(value);
  if (value.bytes() > context_bytes_max) in.fail("a context is larger than contexts may be");
  return ContextRef{new SharedContext{std::move(value)}};
}

namespace {

/// Where the context is of what runs now.
ContextRef* place_of_context(Cell& cell, bool make) {
  if (cell.context.request != nullptr) return &const_cast<Request*>(cell.context.request)->shared;  // NOLINT: its own turn
  if (make) return &cell.extra().context;
  return cell.extra_if_any() == nullptr ? nullptr : &cell.extra_if_any()->context;
}

}  // namespace
}  // namespace detail

Context const& context() noexcept {
  static Context const none;
  auto* const place = detail::current_cell == nullptr ? nullptr : detail::place_of_context(*detail::current_cell, false);
  return place == nullptr || place->get() == nullptr ? none : place->get()->value;
}

WithContext::WithContext(Context context) : place_(detail::place_of_context(detail::self(), true)) {
  if (auto const bytes = context.bytes(); bytes > context_bytes_max)
    throw Overloaded{fmt::format("the context takes {} bytes, and may take {}; put what is larger into an argument", bytes,
                                 context_bytes_max)};
  before_ = std::exchange(*place_, detail::ContextRef{new detail::SharedContext{std::move(context)}});
}

WithContext::~WithContext() { *place_ = std::move(before_); }

// --- what an object knows of the request it serves ---------------------------------------------------------------

Incoming this_request() noexcept {
  return Incoming{detail::current_cell == nullptr ? nullptr : detail::current_cell->context.request};
}

ConcAddr Conc::my_caller() const noexcept { return this_request().caller(); }
std::string_view Conc::my_method() const noexcept { return this_request().method(); }
std::chrono::steady_clock::time_point Conc::my_deadline() const noexcept { return this_request().deadline(); }

std::string const& Conc::my_host() const {
  static std::string const name = [] {
    std::array<char, 256> text{};
    return ::gethostname(text.data(), text.size() - 1) == 0 ? std::string{text.data()} : std::string{};
  }();
  return name;
}

}  // namespace corps

#include "corps/incoming.hpp"

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"

namespace corps {

bool detail::MethodMatch::operator()(MethodRecord const& method) const noexcept {
  auto const& id = method.id;
  if (hash != 0) return id.hash == hash || (id.method_name == name && id.signature == signature);
  return id.method_name == name && (id.signature.starts_with("get:") || id.signature.starts_with("set:"));
}

std::string_view Incoming::method() const noexcept {
  return request_ == nullptr || request_->method == nullptr ? std::string_view{} : request_->method->id.method_name;
}
std::string_view Incoming::class_name() const noexcept {
  return request_ == nullptr || request_->method == nullptr ? std::string_view{} : request_->method->id.class_name;
}
bool Incoming::matches(detail::MethodMatch const& match) const noexcept { return *this && match(*request_->method); }

Incoming::operator bool() const noexcept {
  return request_ != nullptr && request_->method != nullptr && request_->method->constructs == nullptr;
}
bool Incoming::wants_answer() const noexcept { return *this && (request_->caller != nullptr || request_->origin != nullptr); }
ConcAddr Incoming::caller() const noexcept {
  if (!*this || request_->caller_id == ConcId::none) return {};
  return {request_->caller_env == detail::same_env ? detail::env_facts.env : request_->caller_env, request_->caller_id};
}
std::chrono::steady_clock::time_point Incoming::deadline() const noexcept {
  auto const at = *this ? request_->deadline_ns : detail::never_ns;
  return std::chrono::steady_clock::time_point{std::chrono::nanoseconds{at}};
}

}  // namespace corps

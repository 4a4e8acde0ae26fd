#include "env/net/internal/dialer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>
#include <variant>

namespace corps::net {

namespace {

/// How long an attempt is alone before the next one begins beside it.
constexpr std::chrono::milliseconds head_start{250};
constexpr std::chrono::milliseconds backlog_full_pause{5};
/// Of one name: whatever a name server says, a dial ends.
constexpr std::size_t addresses_max = 16;

long long in_ms(std::chrono::nanoseconds time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); }

}  // namespace

std::vector<Endpoint> in_order_to_try(std::vector<Endpoint> endpoints) {
  auto const rest = std::stable_partition(endpoints.begin(), endpoints.end(),
                                          [](Endpoint const& endpoint) { return family_of(endpoint) == Family::local; });
  std::deque<Endpoint> first;
  std::deque<Endpoint> second;
  for (auto at = rest; at != endpoints.end(); ++at)
    (family_of(*at) == family_of(*rest) ? first : second).push_back(std::move(*at));
  endpoints.erase(rest, endpoints.end());
  while (!first.empty() || !second.empty()) {
    for (auto* const family : {&first, &second}) {
      if (family->empty()) continue;
      endpoints.push_back(std::move(family->front()));
      family->pop_front();
    }
  }
  return endpoints;
}

Dialer::Dialer(Reactor& reactor, Resolver& resolver, Owner& owner, host::Clock& clock, std::chrono::nanoseconds limit,
               bool has_tls)
    : reactor_(reactor),
      resolver_(resolver),
      owner_(owner),
      clock_(clock),
      limit_(limit),
      has_tls_(has_tls),
      names_limit_(reactor),
      next_(reactor) {}

void Dialer::start(std::vector<Endpoint> endpoints) {
  began_ns_ = clock_.monotonic_ns();
  for (auto& endpoint : in_order_to_try(std::move(endpoints))) {
    if (auto const why = unfit(endpoint, has_tls_); !why.empty()) {
      note(endpoint, why);
    } else if (!host_name(endpoint).empty()) {
      look_up(std::move(endpoint));
    } else {
      waiting_.push_back(std::move(endpoint));
    }
  }
  if (!names_.empty()) names_limit_.start(limit_, [this] { give_up_names(); });
  try_next();
}

void Dialer::go_on(std::string const& why) {
  note(*std::exchange(connected_, std::nullopt), why);
  try_next();
}

// Names.

void Dialer::look_up(Endpoint endpoint) {
  auto const name = names_.insert(names_.end(), {std::move(endpoint), {}});
  name->ticket =
      resolver_.look_up(host_name(name->endpoint), [this, name](Resolver::Answer const& answer) { on_addresses(name, answer); });
}

void Dialer::on_addresses(Names::iterator name, Resolver::Answer const& answer) {
  auto const endpoint = std::move(name->endpoint);
  auto const ticket = std::move(name->ticket);  // this runs in it
  names_.erase(name);
  if (names_.empty()) names_limit_.cancel();
  if (!answer.error.empty()) note(endpoint, "no address of this host is known: " + answer.error);
  std::vector<Endpoint> all(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  auto const tried = std::span(answer.addresses).first(std::min(answer.addresses.size(), addresses_max));
  for (auto const& address : tried) all.push_back(with_address(endpoint, address));
  all = in_order_to_try(std::move(all));
  waiting_.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  if (!connected_ && !next_.running()) try_next();
}

void Dialer::give_up_names() {
  for (auto const& name : std::exchange(names_, {}))
    note(name.endpoint, "the addresses of this host were not found within " + std::to_string(in_ms(limit_)) + " ms");
  if (!connected_ && attempts_.empty() && !next_.running()) try_next();
}

// Attempts. What calls the owner comes last: this may be gone then.

void Dialer::try_next() {
  next_.cancel();
  while (!waiting_.empty()) {
    auto endpoint = std::move(waiting_.front());
    waiting_.pop_front();
    auto result = connect_to(endpoint);
    if (auto const* error = std::get_if<ConnectError>(&result)) {
      if (error->try_again && std::chrono::nanoseconds(clock_.monotonic_ns() - began_ns_) < limit_) {
        waiting_.push_front(std::move(endpoint));
        return next_.start(backlog_full_pause, [this] { try_next(); });
      }
      note(endpoint, error->text);
      continue;
    }
    auto& connecting = std::get<Connecting>(result);
    if (connecting.done) return win(std::move(endpoint), std::move(connecting.fd));
    add_attempt(std::move(endpoint), std::move(connecting.fd));
    if (!waiting_.empty()) next_.start(head_start, [this] { try_next(); });
    return;
  }
  if (attempts_.empty() && names_.empty()) owner_.on_exhausted(*this);
}

void Dialer::add_attempt(Endpoint endpoint, host::UniqueFd fd) {
  auto const attempt = attempts_.emplace(attempts_.end(), reactor_, std::move(endpoint));
  attempt->descriptor.emplace(
      reactor_, std::move(fd), [] {}, [this, attempt] { on_writable(attempt); });
  attempt->descriptor->arm_write();
  attempt->limit.start(limit_,
                       [this, attempt] { fail(attempt, "not connected after " + std::to_string(in_ms(limit_)) + " ms"); });
}

void Dialer::on_writable(Attempts::iterator attempt) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(attempt->descriptor->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(attempt, errno_text(error));
  auto endpoint = std::move(attempt->endpoint);
  auto fd = attempt->descriptor->release();
  attempts_.erase(attempt);
  win(std::move(endpoint), std::move(fd));
}

void Dialer::fail(Attempts::iterator attempt, std::string const& why) {
  note(attempt->endpoint, why);
  attempts_.erase(attempt);
  try_next();
}

void Dialer::win(Endpoint endpoint, host::UniqueFd fd) {
  next_.cancel();
  for (auto& attempt : attempts_) waiting_.push_back(std::move(attempt.endpoint));
  attempts_.clear();
  connected_ = std::move(endpoint);
  owner_.on_connected(*this, *connected_, std::move(fd));
}

void Dialer::note(Endpoint const& endpoint, std::string const& why) {
  if (!reasons_.empty()) reasons_ += "; ";
  reasons_ += endpoint.text + ": " + why;
}

}  // namespace corps::net

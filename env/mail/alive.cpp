#include "corps/alive.hpp"

#include <memory>
#include <string>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "env/mail/internal/errand.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::EnvelopeKind;
using detail::MethodRecord;
using detail::Reply;
using detail::Request;

/// Goes to the Worker, urgent, and takes the answer along.
struct Knock final : Envelope {
  Knock(ConcId whom, Reply<bool>& probe) : Envelope(EnvelopeKind::control), probe_(probe) { target = whom; }
  void arrive(Cell& cell) override {
    std::unique_ptr<Knock> const self{this};
    end_with(probe_, !cell.is_port());
  }
  void undeliverable() noexcept override {
    std::unique_ptr<Knock> const self{this};
    end_with(probe_, false);
  }

 private:
  Reply<bool>& probe_;
};

/// In the Worker's Env.
void knock(ConcId whom, Reply<bool>& probe) {
  auto* const cell = detail::find(whom);
  if (cell == nullptr) return end_with(probe, false);
  auto knock = std::make_unique<Knock>(whom, probe);
  if (cell->push(knock.get()))
    (void)knock.release();
  else
    knock.release()->undeliverable();
}

std::unique_ptr<Request> make_errand(Unpacker& in);
void serve_errand(std::unique_ptr<Request> request) {
  auto& errand = static_cast<Errand<bool>&>(*request.release());
  knock(errand.conc, errand);
}

constinit MethodRecord alive_record{
    .id = detail::make_method_id("corps", "alive", "(u64)bool"), .make = &make_errand, .env_serves = &serve_errand};
bool const registered = [] {
  detail::register_method(alive_record);
  return true;
}();

std::unique_ptr<Request> make_errand(Unpacker& in) {
  std::uint64_t conc = 0;
  in(conc);
  return std::make_unique<Errand<bool>>(alive_record, ConcId{conc});
}

struct Probe final : Inquiry<bool> {
  explicit Probe(ConcAddr of) : Inquiry(alive_record, of) {}

  void begin() {
    (void)Request::begin();
    if (is_about_this_env()) return knock(whom.conc, *this);
    send(std::make_unique<Errand<bool>>(alive_record, whom.conc));
  }
  bool if_lost(std::string) noexcept override { return false; }
};

}  // namespace
}  // namespace corps::mail

namespace corps::detail {

Future<bool> alive(ConcAddr address, std::int64_t limit_ns) {
  auto& probe = *std::make_unique<mail::Probe>(address).release();
  auto future = FutureMaker<bool>::make(probe);
  if (open_call(probe, address, limit_ns)) probe.begin();
  return future;
}

}  // namespace corps::detail

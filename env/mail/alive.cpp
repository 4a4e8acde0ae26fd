#include "corps/alive.hpp"

#include <memory>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::EnvelopeKind;
using detail::MethodRecord;
using detail::Reply;
using detail::Request;

void end_probe(Reply<bool>& probe, bool lives) noexcept {
  probe.result.emplace(lives);
  probe.finish();
}

/// Goes to the Worker, urgent, and takes the answer along.
struct Knock final : Envelope {
  Knock(ConcId whom, Reply<bool>& probe) : Envelope(EnvelopeKind::control), probe_(probe) { target = whom; }
  void arrive(Cell& cell) override {
    std::unique_ptr<Knock> const self{this};
    end_probe(probe_, !cell.is_port());
  }
  void undeliverable() noexcept override {
    std::unique_ptr<Knock> const self{this};
    end_probe(probe_, false);
  }

 private:
  Reply<bool>& probe_;
};

/// In the Worker's Env.
void knock(ConcId whom, Reply<bool>& probe) {
  auto* const cell = detail::find(whom);
  if (cell == nullptr) return end_probe(probe, false);
  auto knock = std::make_unique<Knock>(whom, probe);
  if (cell->push(knock.get()))
    (void)knock.release();
  else
    knock.release()->undeliverable();
}

/// What one Env asks another about one of its Workers.
struct Errand final : Reply<bool> {
  Errand(MethodRecord const& record, ConcId of) : Reply(&record), conc(of) {}
  void invoke(Cell&) override {}
  void pack_arguments(Packer& out) const override { out(static_cast<std::uint64_t>(conc)); }
  void pack_result(Packer& out) const override { out(*result); }
  void unpack_result(Unpacker& in) override {
    result.emplace();
    in(*result);
  }
  static std::unique_ptr<Request> make(Unpacker& in);
  static void serve(std::unique_ptr<Request> request) {
    auto& errand = static_cast<Errand&>(*request.release());
    knock(errand.conc, errand);
  }
  ConcId conc;
};

constinit MethodRecord alive_record{
    .id = detail::make_method_id("corps", "alive", "(u64)bool"), .make = &Errand::make, .env_serves = &Errand::serve};
bool const registered = [] {
  detail::register_method(alive_record);
  return true;
}();

std::unique_ptr<Request> Errand::make(Unpacker& in) {
  std::uint64_t conc = 0;
  in(conc);
  return std::make_unique<Errand>(alive_record, ConcId{conc});
}

/// The asker's side. For a Worker of another Env it sends an errand there, and is that one's origin.
struct Probe final : Reply<bool>, detail::Origin {
  explicit Probe(ConcAddr of) : Reply(&alive_record), whom(of) {}
  void invoke(Cell&) override {}
  void pack_arguments(Packer&) const override {}
  void pack_result(Packer&) const override {}
  void unpack_result(Unpacker&) override {}

  void begin() {
    (void)Request::begin();
    if (whom.env == detail::env_facts.env) return knock(whom.conc, *this);
    auto errand = std::make_unique<Errand>(alive_record, whom.conc);
    errand->origin = this;
    errand->target = whom.conc;
    errand->sent_to = whom;
    errand->deadline_ns = deadline_ns;
    detail::route(std::move(errand), whom.env);
  }
  void answer(std::unique_ptr<Request> request) noexcept override {
    if (request->error == nullptr) return end_probe(*this, *static_cast<Errand&>(*request).result);
    if (request->error->code == Errc::worker_lost) return end_probe(*this, false);
    bounce(std::move(*request->error));
  }

  ConcAddr whom;
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

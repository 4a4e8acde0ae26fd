#pragma once

#include <memory>
#include <string>
#include <utility>

#include "corps/detail/forward.hpp"
#include "corps/detail/local_request.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/pack.hpp"

/// What the runtime asks about a Worker, of whichever Env.
namespace corps::mail {

/// Any thread that owns the request.
template <class R>
void end_with(detail::Reply<R>& request, R result) noexcept {
  request.result.emplace(std::move(result));
  request.finish();
}

/// The question as it goes to the Env of the Worker. No Worker serves it: its method does, by `env_serves`.
template <class R>
struct Errand : detail::Reply<R> {
  Errand(detail::MethodRecord const& record, ConcId of) : detail::Reply<R>(&record), conc(of) {}
  void invoke(detail::Cell&) final {}
  void pack_arguments(Packer& out) override { out(static_cast<std::uint64_t>(conc)); }
  void pack_result(Packer& out) final { out(*this->result); }
  void unpack_result(Unpacker& in) final {
    this->result.emplace();
    in(*this->result);
  }

  ConcId const conc;
};

/// The question at the Worker, or thread, that asks. It ends with the answer; a Worker that was lost is an answer too.
template <class R>
struct Inquiry : detail::LocalRequest<detail::Reply<R>>, detail::Origin {
  Inquiry(detail::MethodRecord const& record, ConcAddr of) : detail::LocalRequest<detail::Reply<R>>(&record), whom(of) {}

  bool is_about_this_env() const noexcept { return whom.env == detail::env_facts.env; }
  /// Asks another Env.
  void send(std::unique_ptr<Errand<R>> errand) noexcept {
    errand->origin = this;
    errand->deadline_ns = this->deadline_ns;
    detail::send_on(std::move(errand), whom);
  }
  void answer(std::unique_ptr<detail::Request> errand) noexcept final {
    if (errand->error == nullptr) return end_with(*this, std::move(*static_cast<Errand<R>&>(*errand).result));
    if (errand->error->code != Errc::worker_lost) return this->bounce(std::move(*errand->error));
    end_with(*this, if_lost(std::move(errand->error->text)));
  }
  /// The answer, if the Env cannot give one any more. `why` it cannot.
  virtual R if_lost(std::string why) noexcept = 0;

  ConcAddr const whom;
};

}  // namespace corps::mail

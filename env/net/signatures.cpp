#include "env/net/internal/signatures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "corps/detail/alarm.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"

namespace corps::net {
namespace {

using detail::MethodRecord;
using detail::Request;

constexpr std::size_t signatures_max = 8;  // of one name
constexpr std::size_t signature_bytes_max = 1'000;
/// A call waits no longer for an answer; nor longer than half of the time that it has left, so that it ends with what is known.
constexpr std::int64_t answer_within_ns = 1'000'000'000;
/// Of this Env, those included that a peer does not answer: past it, calls end without.
constexpr int questions_max = 100;
constinit std::atomic<int> questions_open{0};

using Signatures = std::vector<std::string>;

std::unique_ptr<Request> make_question(Unpacker& in);
void answer_question(std::unique_ptr<Request> request);

constinit MethodRecord question_record{.id = detail::make_method_id("corps", "signatures", "(str,str)[str]"),
                                       .make = &make_question,
                                       .env_serves = &answer_question};
bool const registered = [] {
  detail::register_method(question_record);
  return true;
}();

/// "Which signatures has this method at your side?" No Worker serves it.
struct Question final : detail::Reply<Signatures> {
  Question(std::string of_class, std::string method_name)
      : Reply(&question_record), class_name(std::move(of_class)), name(std::move(method_name)) {}
  void invoke(detail::Cell&) override {}
  void pack_arguments(Packer& out) override { out(class_name, name); }
  void pack_result(Packer& out) override { out(*result); }
  void unpack_result(Unpacker& in) override { in(result.emplace()); }

  std::string class_name;
  std::string name;
};

std::unique_ptr<Request> make_question(Unpacker& in) {
  auto question = std::make_unique<Question>("", "");
  in(question->class_name, question->name);
  return question;
}

std::string shortened(std::string_view text) {
  return text.size() <= signature_bytes_max ? std::string{text} : std::string{text.substr(0, signature_bytes_max)} + " ...";
}

void answer_question(std::unique_ptr<Request> request) {
  auto& question = static_cast<Question&>(*request.release());
  auto& signatures = question.result.emplace();
  for (auto const signature : detail::find_signatures(question.class_name, question.name, signatures_max))
    signatures.push_back(shortened(signature));
  question.finish();
}

/// Keeps a call until the answer is there, or has had its time. The question and the clock have a hold each.
class Asked final : public detail::Origin, public detail::Alarm {
 public:
  Asked(std::unique_ptr<Request> call, ErrorInfo info) : call_(std::move(call)), info_(std::move(info)) {}

  void answer(std::unique_ptr<Request> request) noexcept override {
    if (detail::call_off(*this).was_set) let_go();
    if (is_first()) {
      if (request->error == nullptr) info_.text += there(*static_cast<Question&>(*request).result);
      end_call();
    }
    let_go();
  }
  void ring() noexcept override {
    if (is_first()) end_call();
    let_go();
  }
  void given_back() noexcept override { ring(); }

 private:
  ~Asked() { questions_open.fetch_sub(1, std::memory_order_relaxed); }

  bool is_first() noexcept { return !call_ended_.exchange(true, std::memory_order_relaxed); }
  void end_call() noexcept { call_.release()->bounce(std::move(info_)); }
  void let_go() noexcept {
    if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// The answer is anybody's.
  static std::string there(Signatures& signatures) {
    if (signatures.empty()) return "; it has no method of this name";
    if (signatures.size() > signatures_max) signatures.resize(signatures_max);
    for (auto& signature : signatures) signature = shortened(signature);
    return fmt::format("; there: {}", fmt::join(signatures, " and "));
  }

  std::unique_ptr<Request> call_;
  ErrorInfo info_;
  std::atomic<bool> call_ended_{false};
  std::atomic<int> holds_{2};
};

bool may_ask() noexcept {
  if (questions_open.fetch_add(1, std::memory_order_relaxed) < questions_max) return true;
  questions_open.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

/// When the answer is too late.
std::int64_t answer_until(Request const& call, std::int64_t now) noexcept {
  return detail::deadline_after(now, std::min(answer_within_ns, std::max<std::int64_t>(0, call.deadline_ns - now) / 2));
}

}  // namespace

void end_with_signatures(EnvId env, std::unique_ptr<Request> call, ErrorInfo info, SendQuestion send) noexcept {
  auto const& id = call->method->id;
  info.text += fmt::format("; called: {} {}", detail::readable(*call->method), shortened(id.signature));
  if (!may_ask()) return call.release()->bounce(std::move(info));
  auto question = std::make_unique<Question>(std::string{id.class_name}, std::string{id.method_name});
  question->deadline_ns = answer_until(*call, detail::now_ns());
  auto& asked = *new Asked(std::move(call), std::move(info));
  question->origin = &asked;
  if (detail::set_alarm(asked, question->deadline_ns) != detail::Alarmed::set) {  // nothing would bound the time
    asked.given_back();
    return asked.answer(std::move(question));
  }
  send(std::move(question), {env, ConcId::none});
}

}  // namespace corps::net

#include "env/net/internal/signatures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

#include "corps/detail/forward.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/pack.hpp"

namespace corps::net {
namespace {

using detail::MethodRecord;
using detail::Request;

constexpr std::size_t signatures_max = 8;  // of one name
constexpr std::size_t signature_bytes_max = 1'000;

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

/// Keeps a call until the answer is there.
class Asked final : public detail::Origin {
 public:
  Asked(std::unique_ptr<Request> call, ErrorInfo info) : call_(std::move(call)), info_(std::move(info)) {}

  void answer(std::unique_ptr<Request> request) noexcept override {
    std::unique_ptr<Asked> const self{this};
    if (request->error == nullptr) info_.text += there(*static_cast<Question&>(*request).result);
    call_.release()->bounce(std::move(info_));
  }

 private:
  /// The answer is anybody's.
  static std::string there(Signatures& signatures) {
    if (signatures.empty()) return "; it has no method of this name";
    if (signatures.size() > signatures_max) signatures.resize(signatures_max);
    for (auto& signature : signatures) signature = shortened(signature);
    return fmt::format("; there: {}", fmt::join(signatures, " and "));
  }

  std::unique_ptr<Request> call_;
  ErrorInfo info_;
};

}  // namespace

void end_with_signatures(EnvId env, std::unique_ptr<Request> call, ErrorInfo info) noexcept {
  auto const& id = call->method->id;
  info.text += fmt::format("; called: {} {}", detail::readable(*call->method), shortened(id.signature));
  auto question = std::make_unique<Question>(std::string{id.class_name}, std::string{id.method_name});
  question->deadline_ns = call->deadline_ns;
  question->origin = new Asked(std::move(call), std::move(info));
  detail::send_on(std::move(question), {env, ConcId::none});
}

}  // namespace corps::net

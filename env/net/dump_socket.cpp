#include "env/net/internal/dump_socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <variant>

#include "corps/error.hpp"
#include "env/net/internal/endpoint.hpp"

namespace corps::net {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t question_bytes_max = 16;
constexpr std::size_t answer_bytes_max = std::size_t{64} << 20;
constexpr auto question_limit = 1s;
constexpr auto answer_limit = 2s;
constexpr auto whole_limit = 10s;
constexpr std::string_view granted = "ok\n";
constexpr std::string_view refused = "refused: ";

Endpoint endpoint(pid_t process) { return {fmt::format("unix:@corps-dump-{}", process)}; }

std::optional<ucred> peer_of(int fd) {
  ucred found{};
  socklen_t size = sizeof(found);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return std::nullopt;
  return found;
}

bool wait_for(int fd, short what, steady_clock::time_point until) {
  for (;;) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd wanted{fd, what, 0};
    auto const got = ::poll(&wanted, 1, static_cast<int>(left.count()));
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) return false;
  }
}

bool send_all(int fd, std::string_view bytes, steady_clock::time_point until) {
  while (!bytes.empty()) {
    auto const sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno == EINTR)
      continue;
    else if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait_for(fd, POLLOUT, until))
      return false;
  }
  return true;
}

/// Reads to the end, or to the first newline. False: the time was over, or it was too much.
bool receive(int fd, std::string& bytes, std::size_t bytes_max, bool one_line, steady_clock::time_point until) {
  std::array<char, 65536> part;
  for (;;) {
    if (one_line && bytes.find('\n') != std::string::npos) return true;
    if (bytes.size() > bytes_max || !wait_for(fd, POLLIN, until)) return false;
    auto const got = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
    if (got == 0) return !one_line;
    if (got > 0)
      bytes.append(part.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR && errno != EAGAIN)
      return false;
  }
}

/// As it goes over the socket.
struct Words {
  std::string_view text;
  Question question;
};
constexpr std::array all_words{
    Words{"text\n", {Question::Subject::dump, false}},
    Words{"json\n", {Question::Subject::dump, true}},
    Words{"links text\n", {Question::Subject::links, false}},
    Words{"links json\n", {Question::Subject::links, true}},
};

[[noreturn]] void no_answer(Question question, std::string_view why) {
  auto const* const what = question.subject == Question::Subject::links ? "no links can be shown" : "there is no dump";
  throw Refused{fmt::format("{}: {}", what, why)};
}

host::UniqueFd connect_to_process(pid_t process, Question question) {
  if (::kill(process, 0) != 0 && errno == ESRCH) no_answer(question, fmt::format("there is no process {}", process));
  auto connecting = connect_to(endpoint(process));
  auto* const connected = std::get_if<Connecting>(&connecting);
  if (connected == nullptr)
    no_answer(question,
              fmt::format("process {} is no Corps, or one that is just starting or ending; `ps` shows the Envs of one as TAG",
                          process));
  auto const peer = peer_of(connected->fd.get());
  if (!peer || peer->pid != process)
    no_answer(question,
              fmt::format("the name of process {} is held by another process; it may live in another namespace", process));
  return std::move(connected->fd);
}

}  // namespace

host::UniqueFd listen_for_questions() { return listen_on(endpoint(::getpid())); }

host::UniqueFd accept_question(int listening_fd) {
  host::UniqueFd fd{::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!fd) return {};
  auto const peer = peer_of(fd.get());
  if (peer && (peer->uid == 0 || peer->uid == ::geteuid())) return fd;
  auto const text = fmt::format("{}it runs as user id {}, and tells only that user and root\n", refused, ::geteuid());
  (void)::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return {};
}

std::optional<Question> read_question(int fd) {
  std::string text;
  if (!receive(fd, text, question_bytes_max, true, steady_clock::now() + question_limit)) return std::nullopt;
  auto const* const found = std::ranges::find(all_words, text, &Words::text);
  if (found == all_words.end()) return std::nullopt;
  return found->question;
}

void answer_question(int fd, std::string_view text) {
  auto const until = steady_clock::now() + answer_limit;
  if (send_all(fd, granted, until)) (void)send_all(fd, text, until);
}

std::string ask_process(pid_t process, Question question) {
  auto const until = steady_clock::now() + whole_limit;
  auto const fd = connect_to_process(process, question);
  std::string answer;
  bool const asked = send_all(fd.get(), std::ranges::find(all_words, question, &Words::question)->text, until);
  bool const whole = receive(fd.get(), answer, answer_bytes_max, false, until);
  if (answer.starts_with(refused))
    no_answer(question,
              fmt::format("process {}: {}", process, answer.substr(refused.size(), answer.find('\n') - refused.size())));
  if (!asked || !whole || !answer.starts_with(granted))
    no_answer(question,
              fmt::format("process {} did not answer; if it is stopped, let it go on, else look at it with a debugger", process));
  return answer.substr(granted.size());
}

}  // namespace corps::net

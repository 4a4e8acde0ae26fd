#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "env/host/internal/unique_fd.hpp"

/// How `corps dump PID` and `corps links PID` ask a process what it does: an abstract Unix socket named after the process, for
/// its own user and root. The question is "text\n" or "json\n", for links "links text\n" or "links json\n"; the answer "ok\n" and
/// what was asked for, or "refused: why\n"; then the end.
namespace corps::net {

struct Question {
  enum class Subject : std::uint8_t { dump, links };
  Subject subject = Subject::dump;
  bool json = false;

  friend bool operator==(Question const&, Question const&) = default;
};

/// Listens for questions to this process. Throws ConfigError where the name is taken.
host::UniqueFd listen_for_questions();

/// The next one who asks, if there is one; does not block. Strangers are told so, and sent away.
host::UniqueFd accept_question(int listening_fd);

/// What is asked, within 1 s. None for what is no question.
std::optional<Question> read_question(int fd);

/// Writes the answer, within 2 s.
void answer_question(int fd, std::string_view text);

/// Asks a process, within 10 s. Throws Refused, which says why there is no answer: no such process, no Corps, another user's.
std::string ask_process(pid_t process, Question question);

}  // namespace corps::net

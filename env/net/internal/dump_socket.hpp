#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "env/host/internal/unique_fd.hpp"

/// How `corps dump PID` asks a process what it does: an abstract Unix socket named after the process, for its own user and root.
/// The question is "text\n" or "json\n"; the answer "ok\n" and the dump, or "refused: why\n"; then the end.
namespace corps::net {

/// Listens for questions to this process. Throws ConfigError where the name is taken.
host::UniqueFd listen_for_dumps();

/// The next one who asks, if there is one; does not block. Strangers are told so, and sent away.
host::UniqueFd accept_dump(int listening_fd);

/// Whether text or JSON is wanted: reads the question, within 1 s. None for what is no question.
std::optional<bool> read_json_wanted(int fd);

/// Writes the answer, within 2 s.
void answer_dump(int fd, std::string_view dump);

/// Asks a process, within 10 s. Throws Refused, which says why there is no dump: no such process, no Corps, another user's.
std::string ask_for_dump(pid_t process, bool json);

}  // namespace corps::net

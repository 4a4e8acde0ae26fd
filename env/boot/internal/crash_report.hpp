#pragma once

#include <string_view>

namespace corps::startup {

/// From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (which an exception that nobody catches leads to) write one line to
/// stderr before they end the process as ever, with its core dump: the signal, the thread, the Env, and the Conc that it ran.
/// A handler that the application has set for one of them stays. Not in a build with a sanitizer, which reports by itself.
/// `env_name`: "regex/3". Threads: once, before the Env has others.
void report_crashes(std::string_view env_name);

}  // namespace corps::startup

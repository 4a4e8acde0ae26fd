#pragma once

#include <functional>
#include <string>
#include <thread>

namespace corps::host {

/// A thread with this name, as name_thread says, in which no signal is handled: they are for the threads that ask for them.
/// Throws std::system_error.
std::thread start_thread(std::string name, std::function<void()> body);
/// The way to make one, for whoever goes on where there is none to be had.
using StartThread = std::thread (*)(std::string name, std::function<void()> body);

}  // namespace corps::host

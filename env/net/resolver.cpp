#include "env/net/internal/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "env/host/internal/thread.hpp"
#include "env/net/internal/endpoint.hpp"

namespace corps::net {

namespace {

Resolver::Answer ask_system(std::string const& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int const error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) return {{}, error == EAI_SYSTEM ? errno_text(errno) : ::gai_strerror(error)};
  Resolver::Answer answer;
  for (auto const* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (each->ai_family == AF_INET6) {
      auto const& address = reinterpret_cast<sockaddr_in6 const*>(each->ai_addr)->sin6_addr;
      if (::inet_ntop(AF_INET6, &address, text.data(), text.size()) != nullptr)
        answer.addresses.push_back("[" + std::string(text.data()) + "]");
    } else if (each->ai_family == AF_INET) {
      auto const& address = reinterpret_cast<sockaddr_in const*>(each->ai_addr)->sin_addr;
      if (::inet_ntop(AF_INET, &address, text.data(), text.size()) != nullptr) answer.addresses.emplace_back(text.data());
    }
  }
  ::freeaddrinfo(found);
  if (answer.addresses.empty()) answer.error = "it has neither an IPv4 nor an IPv6 address";
  return answer;
}

}  // namespace

struct Resolver::State {
  struct Job {
    std::string host;
    std::weak_ptr<Done> done;
  };

  Lookup lookup;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  Reactor* reactor;  // null: the resolver is gone
  bool looking_up = false;
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return reactor == nullptr || !jobs.empty(); });
      if (reactor == nullptr) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      if (job.done.expired()) continue;
      looking_up = true;
      lock.unlock();
      auto answer = lookup(job.host);
      lock.lock();
      looking_up = false;
      if (reactor == nullptr) return;
      reactor->post([done = std::move(job.done), answer = std::move(answer)] {
        if (auto const wanted = done.lock()) (*wanted)(answer);
      });
    }
  }
};

Resolver::Resolver(Reactor& reactor, Lookup lookup) : state_(std::make_shared<State>()) {
  state_->lookup = lookup ? std::move(lookup) : ask_system;
  state_->reactor = &reactor;
}

Resolver::~Resolver() {
  std::unique_lock lock(state_->mutex);
  state_->reactor = nullptr;
  state_->changed.notify_all();
  bool const looking_up = state_->looking_up;
  lock.unlock();
  if (looking_up) state_->thread.detach();
  if (state_->thread.joinable()) state_->thread.join();
}

Resolver::Ticket Resolver::look_up(std::string host, Done done) {
  auto ticket = std::make_shared<Done>(std::move(done));
  std::lock_guard const lock(state_->mutex);
  state_->jobs.push_back({std::move(host), ticket});
  if (!state_->thread.joinable()) state_->thread = host::start_thread("corps names", [state = state_] { state->run(); });
  state_->changed.notify_all();
  return ticket;
}

}  // namespace corps::net

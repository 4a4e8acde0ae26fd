#include "env/net/internal/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <system_error>
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
  struct Worker {
    std::thread thread;
    bool looking_up = false;
  };

  Lookup lookup;
  host::StartThread start_thread;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  Reactor* reactor;  // null: the resolver is gone
  std::list<Worker> workers;
  std::size_t idle = 0;  // of them

  void run(Worker& self) {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      changed.wait(lock, [&] { return reactor == nullptr || !jobs.empty(); });
      --idle;
      if (reactor == nullptr) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      if (job.done.expired()) continue;
      self.looking_up = true;
      lock.unlock();
      auto answer = lookup(job.host);
      lock.lock();
      self.looking_up = false;
      if (reactor == nullptr) return;
      reactor->post([done = std::move(job.done), answer = std::move(answer)] {
        if (auto const wanted = done.lock()) (*wanted)(answer);
      });
    }
  }
};

Resolver::Resolver(Reactor& reactor, Lookup lookup, host::StartThread start_thread) : state_(std::make_shared<State>()) {
  state_->lookup = lookup ? std::move(lookup) : ask_system;
  state_->start_thread = start_thread;
  state_->reactor = &reactor;
}

Resolver::~Resolver() {
  std::list<std::thread> waited_for;
  {
    std::lock_guard const lock(state_->mutex);
    state_->reactor = nullptr;
    state_->changed.notify_all();
    for (auto& worker : state_->workers) {
      if (worker.looking_up)
        worker.thread.detach();
      else
        waited_for.push_back(std::move(worker.thread));
    }
  }
  for (auto& thread : waited_for) thread.join();
}

Resolver::Ticket Resolver::look_up(std::string host, Done done) {
  auto ticket = std::make_shared<Done>(std::move(done));
  std::lock_guard const lock(state_->mutex);
  state_->jobs.push_back({std::move(host), ticket});
  if (state_->jobs.size() > state_->idle && state_->workers.size() < threads_max) add_worker();
  state_->changed.notify_one();
  return ticket;
}

// With the lock held. Without another thread the name waits for those there are; where there are none, it is not looked up.
void Resolver::add_worker() {
  auto& worker = state_->workers.emplace_back();
  try {
    worker.thread = state_->start_thread("corps names", [state = state_, &worker] { state->run(worker); });
    return;
  } catch (std::system_error const& error) {
    state_->workers.pop_back();
    if (!state_->workers.empty()) return;
    auto job = std::move(state_->jobs.back());
    state_->jobs.pop_back();
    auto answer = Answer{{}, std::string("no thread can be started to look it up: ") + error.what()};
    state_->reactor->post([done = std::move(job.done), answer = std::move(answer)] {
      if (auto const wanted = done.lock()) (*wanted)(answer);
    });
  }
}

}  // namespace corps::net

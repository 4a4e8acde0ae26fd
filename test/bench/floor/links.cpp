// link-*: what two processes do without any library
#include "test/bench/floor/links.hpp"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <climits>
#include <cstring>
#include <memory>
#include <new>

#include "test/bench/links.hpp"

namespace {

/// Throws what the last system call failed with.
template <class Result>
Result sure(Result result, char const* what) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), what};
  return result;
}

// --- shared memory ---------------------------------------------------------------------------------------------------

/// Whether `has_come` says yes within the time for which a side looks before it sleeps.
template <class HasCome>
bool looks_until(HasCome has_come) {
  auto const begin_ns = bench::now_ns();
  for (auto gave_way_ns = begin_ns;;) {
    if (has_come()) return true;
    auto const now_ns = bench::now_ns();
    if (now_ns - begin_ns >= bench::looks_ns()) return false;
    if (now_ns - gave_way_ns < 2'000) continue;
    ::sched_yield();
    gave_way_ns = now_ns;
  }
}

/// A word in shared memory that one side waits for and the other sets, and what it sends with it. Who looks is not woken.
struct alignas(64) Mailbox {
  void wait_while(std::uint32_t old) {
    if (looks_until([&] { return word.load(std::memory_order_acquire) != old; })) return;
    sleeps.store(true);
    while (word.load() == old) syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT, old, nullptr, nullptr, 0);
    sleeps.store(false);
  }
  void put(std::uint32_t value, char const* from) {
    std::memcpy(bytes, from, sizeof(bytes));
    word.store(value);
    if (sleeps.load()) syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  std::atomic<std::uint32_t> word{0};
  std::atomic<bool> sleeps{false};
  char bytes[bench::small_bytes];
};

struct Shared {
  Mailbox question;
  Mailbox answer;
};

class FutexPair {
 public:
  void ask() {
    shared_.question.put(number_ + 1, text_.data());
    shared_.answer.wait_while(number_++);
    std::memcpy(text_.data(), shared_.answer.bytes, text_.size());
  }

 private:
  static Shared& map() {
    auto* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    return *new (memory) Shared;
  }

  Shared& shared_ = map();
  std::array<char, bench::small_bytes> text_{};
  std::uint32_t number_ = 0;
  bench::OtherProcess other_{[this](auto const& ready) {
    ready(0);
    for (std::uint32_t number = 0;; ++number) {
      shared_.question.wait_while(number);
      std::memcpy(text_.data(), shared_.question.bytes, text_.size());
      shared_.answer.put(number + 1, text_.data());
    }
  }};
};

// --- sockets ---------------------------------------------------------------------------------------------------------

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = sizeof(bytes);
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&bytes); }
};

Address tcp_address(std::uint16_t port) {
  Address address;
  sockaddr_in const in{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  std::memcpy(&address.bytes, &in, sizeof(in));
  address.size = sizeof(in);
  return address;
}

Address unix_address(std::string const& name) {  // its first byte is 0: it is in no file system
  Address address;
  sockaddr_un un{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(un.sun_path + 1, name.data(), name.size());
  std::memcpy(&address.bytes, &un, sizeof(un));
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

void do_not_delay(int fd) {
  int const on = 1;
  if (bench::over_tcp()) sure(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
}

/// A connected socket between this process and another: TCP, or the other kind that a host has.
class SocketPair {
 public:
  /// `serve(fd)` runs in the other process.
  template <class Serve>
  explicit SocketPair(Serve serve)
      : other_([this, serve](auto const& ready) {
          auto const listener = socket();
          auto address = bench::over_tcp() ? tcp_address(0) : unix_address(name_);
          sure(::bind(listener, address.raw(), address.size), "bind");
          sure(::listen(listener, 1), "listen");
          sure(::getsockname(listener, address.raw(), &address.size), "getsockname");
          ready(bench::over_tcp() ? ntohs(reinterpret_cast<sockaddr_in const&>(address.bytes).sin_port) : std::uint16_t{0});
          auto const accepted = sure(::accept(listener, nullptr, nullptr), "accept");
          do_not_delay(accepted);
          serve(accepted);
        }) {
    auto address = bench::over_tcp() ? tcp_address(other_.port()) : unix_address(name_);
    sure(::connect(fd, address.raw(), address.size), "connect");
    do_not_delay(fd);
  }

 private:
  static int socket() { return sure(::socket(bench::over_tcp() ? AF_INET : AF_UNIX, SOCK_STREAM, 0), "socket"); }
  std::string const name_ = bench::own_socket_name();
  bench::OtherProcess other_;

 public:
  int const fd = socket();
};

/// Waits with epoll for what comes, as a program does that has more than one socket.
class Waiting {
 public:
  explicit Waiting(int fd) : fd_(fd) {
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
    sure(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl");
  }
  void receive(std::span<char> into) {
    while (!into.empty()) {
      epoll_event event{};
      auto const wait = [&](int limit_ms) { return sure(::epoll_wait(epoll_, &event, 1, limit_ms), "epoll_wait") != 0; };
      if (!looks_until([&] { return wait(0); })) wait(-1);
      auto const got = sure(::recv(fd_, into.data(), into.size(), 0), "recv");
      bench::expect(got != 0, "the other process is gone");
      into = into.subspan(static_cast<std::size_t>(got));
    }
  }
  void send(std::span<char const> bytes) {
    bench::expect(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()), "send");
  }

 private:
  int fd_;
  int epoll_ = sure(::epoll_create1(0), "epoll_create1");
};

class EpollPair {
 public:
  void ask() {
    waiting_.send(text_);
    waiting_.receive(text_);
  }

 private:
  SocketPair pair_{[](int fd) {
    Waiting waiting{fd};
    for (std::array<char, bench::small_bytes> text{};;) {
      waiting.receive(text);
      waiting.send(text);
    }
  }};
  Waiting waiting_{pair_.fd};
  std::array<char, bench::small_bytes> text_{};
};

void send_all(int fd, std::span<char const> bytes) {
  while (!bytes.empty())
    bytes = bytes.subspan(static_cast<std::size_t>(sure(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), "send")));
}

void receive_all(int fd, std::span<char> into) {
  bench::expect(sure(::recv(fd, into.data(), into.size(), MSG_WAITALL), "recv") == static_cast<ssize_t>(into.size()), "recv");
}

/// What takes an argument that it must not use any more when it returns: it is new, and gone afterwards.
void hand_over(std::unique_ptr<char[]> argument) { bench::expect(argument[bench::large_bytes - 1] == 'x', "bytes are wrong"); }

// --- the rows --------------------------------------------------------------------------------------------------------

template <class Pair>
void round_trip() {
  Pair pair;
  bench::report(bench::running, bench::ns_each(100, [&](std::uint64_t n) {
                  for (; n > 0; --n) pair.ask();
                }));
}

template <class Pair>
void round_trip_quiet() {
  Pair pair;
  bench::QuietTimes times{};
  pair.ask();
  for (auto& time : times) {
    std::this_thread::sleep_for(bench::quiet);
    auto const begin_ns = bench::now_ns();
    pair.ask();
    time = bench::now_ns() - begin_ns;
  }
  bench::report(bench::running, bench::median(times));
}

}  // namespace

namespace floor_bench {

void link_round_trip() { bench::over_tcp() ? round_trip<EpollPair>() : round_trip<FutexPair>(); }
void link_round_trip_quiet() { bench::over_tcp() ? round_trip_quiet<EpollPair>() : round_trip_quiet<FutexPair>(); }

void link_large() {
  SocketPair const pair{[](int fd) {
    for (;;) {
      auto argument = std::make_unique_for_overwrite<char[]>(bench::large_bytes);
      receive_all(fd, {argument.get(), bench::large_bytes});
      hand_over(std::move(argument));
      char const taken = 1;
      send_all(fd, {&taken, 1});
    }
  }};
  std::string const text(bench::large_bytes, 'x');
  auto const ns = bench::ns_each(bench::large_in_flight, [&](std::uint64_t n) {
    char taken = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      if (i >= bench::large_in_flight) receive_all(pair.fd, {&taken, 1});
      send_all(pair.fd, text);
    }
    for (std::uint64_t i = 0; i < std::min(n, bench::large_in_flight); ++i) receive_all(pair.fd, {&taken, 1});
  });
  bench::report(bench::running, bench::megabytes_per_second(ns));
}

}  // namespace floor_bench

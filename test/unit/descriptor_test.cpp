// Waiting for descriptors.

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "env/host/internal/unique_fd.hpp"
#include "env/mail/internal/descriptors.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace descriptor_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::host::UniqueFd;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    out = UniqueFd{ends[0]};
    in = UniqueFd{ends[1]};
  }
  void put() const { REQUIRE(::write(in.get(), "x", 1) == 1); }
  UniqueFd out;
  UniqueFd in;
};

class Reader : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;

  corps::Task<int> read(int fd, std::uint64_t entered) {
    auto wait = corps::readable(fd);
    object_of<Event>(entered).happen();
    co_await wait;
    co_return take(fd);
  }
  corps::Task<std::string> read_within(int fd, int ms) {
    try {
      co_await corps::readable(fd, std::chrono::milliseconds{ms});
    } catch (corps::Timeout const& error) {
      co_return error.text();
    }
    co_return "ready";
  }
  int quick() { return ++count; }

 private:
  static int take(int fd) {
    char byte = 0;
    return static_cast<int>(::read(fd, &byte, 1));
  }
  int count = 0;
};

TEST_CASE("a Conc waits for a descriptor, and its thread is free meanwhile") {
  Running corps({"env.threads=1"});
  Event entered;
  Pipe pipe;
  auto reader = corps::create<Reader>(corps::here()).get();
  auto reads = reader.call<&Reader::read>(pipe.out.get(), handle(entered));
  CHECK(entered.wait());
  CHECK(reader.call<&Reader::quick>().get() == 1);
  CHECK_FALSE(reads.ready());
  CHECK(corps::mail::descriptor_waits() == 1);
  pipe.put();
  CHECK(reads.get() == 1);
  CHECK(corps::mail::descriptor_waits() == 0);
  pipe.put();
  CHECK(reader.call<&Reader::read>(pipe.out.get(), handle(entered)).get() == 1);  // ready at once
  auto ends = reader.call<&Reader::read>(pipe.out.get(), handle(entered));
  CHECK(entered.wait(3));
  pipe.in.reset();
  CHECK(ends.get() == 0);  // the other end has gone
}

TEST_CASE("a wait for a descriptor ends with its limit, its request, its cancel") {
  Running corps;
  Event entered;
  Pipe pipe;
  auto reader = corps::create<Reader>(corps::here()).get();
  auto const text = reader.call<&Reader::read_within>(pipe.out.get(), 5).get();
  CHECK(text.find("was not readable before the limit") != std::string::npos);
  auto const late = error_of(reader.within(10ms).call<&Reader::read>(pipe.out.get(), handle(entered)));
  CHECK((late.code == corps::Errc::timeout || late.type == "corps::Timeout"));
  auto wait = corps::readable(pipe.out.get());
  wait.cancel();
  CHECK(error_of(std::move(wait)).code == corps::Errc::cancelled);
  { auto const dropped = corps::readable(pipe.out.get()); }
  while (corps::mail::descriptor_waits() != 0) (void)reader.call<&Reader::quick>().get();  // the late request ends by itself
}

TEST_CASE("the end of a Conc ends its wait, and nothing of the descriptor is left") {
  Running corps({"env.threads=1"});
  Event entered;
  Pipe pipe;
  auto reader = corps::create<Reader>(corps::here()).get();
  auto reads = reader.call<&Reader::read>(pipe.out.get(), handle(entered));
  CHECK(entered.wait());
  corps::exit(reader).get();
  CHECK(error_of(std::move(reads)).code == corps::Errc::worker_lost);
  CHECK(corps::mail::descriptor_waits() == 0);
  pipe.out.reset();
  pollfd nobody_reads{pipe.in.get(), 0, 0};
  CHECK(::poll(&nobody_reads, 1, 10'000) == 1);
  CHECK((nobody_reads.revents & POLLERR) != 0);
}

TEST_CASE("a descriptor may be closed while somebody waits for it") {
  Running corps;
  Event entered;
  Pipe pipe;
  auto waits = corps::readable(pipe.out.get());
  pipe.out.reset();
  auto const other = UniqueFd{::eventfd(0, EFD_CLOEXEC)};  // may get the same number
  CHECK_FALSE(waits.ready());
  pipe.put();
  waits.get(patience);
}

TEST_CASE("writable waits for room") {
  Running corps;
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
  UniqueFd const one{ends[0]};
  UniqueFd const two{ends[1]};
  corps::writable(one.get()).get();
  std::vector<char> bytes(65536);
  while (::write(one.get(), bytes.data(), bytes.size()) > 0) {
  }
  auto room = corps::writable(one.get(), patience);
  CHECK_FALSE(room.ready());
  while (::read(two.get(), bytes.data(), bytes.size()) > 0) {
  }
  room.get();
}

TEST_CASE("what nobody can wait for is said") {
  Pipe pipe;
  CHECK_THROWS_AS((void)corps::readable(-1), std::invalid_argument);
  CHECK(error_of(corps::readable(pipe.out.get())).code == corps::Errc::refused);  // no Env
  Running corps({"limits.descriptor_waits=2"});
  auto one = corps::readable(pipe.out.get());
  auto two = corps::readable(pipe.out.get());
  auto const full = error_of(corps::readable(pipe.out.get()));
  CHECK(full.code == corps::Errc::overloaded);
  CHECK(full.text.find("limits.descriptor_waits") != std::string::npos);
  pipe.put();
  one.get(patience);
  two.get(patience);
  UniqueFd const file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  corps::readable(file.get()).get();  // always
  Pipe silent;
  auto left = corps::readable(silent.out.get());
  CHECK(corps.stop() == 0);
  CHECK(error_of(std::move(left)).code == corps::Errc::refused);
}

TEST_CASE("many descriptors at a time, from several threads") {
  Running corps;
  auto const run = [] {
    for (int round = 0; round < 20; ++round) {
      std::array<Pipe, 8> pipes;
      std::vector<corps::Future<void>> waits;
      for (auto const& pipe : pipes) waits.push_back(corps::readable(pipe.out.get()));
      for (std::size_t i = 0; i < pipes.size(); i += 2) pipes[i].put();
      for (std::size_t i = 0; i < pipes.size(); i += 2) waits[i].get(patience);
    }
  };
  std::thread other{run};
  run();
  other.join();
  CHECK(corps::mail::descriptor_waits() == 0);
}

TEST_CASE("under the twin, what is ready is ready, and the rest is refused") {
  Pipe pipe;
  twin_kit::for_seeds(2, [&](twin_kit::Twin&) {
    auto const error = error_of(corps::readable(pipe.out.get()));
    CHECK(error.code == corps::Errc::refused);
    CHECK(error.text.find("twin") != std::string::npos);
    corps::writable(pipe.in.get()).get();
  });
}

}  // namespace descriptor_test

// The parts of env/host that need no second process: descriptors, clocks, random bytes, cores, boot bytes.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "corps/error.hpp"
#include "env/host/internal/boot_descriptor.hpp"
#include "env/host/internal/clock.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/parent_watch.hpp"
#include "env/host/internal/random.hpp"
#include "env/host/internal/signals.hpp"
#include "env/host/internal/system_error.hpp"
#include "env/host/internal/unique_fd.hpp"

namespace host_test {

using namespace corps::host;

constexpr int seals_all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

std::vector<std::byte> some_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  SeededRandom(size).fill(bytes);
  return bytes;
}

// Memory as seal_boot_bytes() makes it, but with any content, size and seals.
UniqueFd forge(std::string_view content, off_t size, int seals) {
  UniqueFd memory(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(memory);
  REQUIRE(::pwrite(memory.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  REQUIRE(::ftruncate(memory.get(), size) == 0);
  REQUIRE(::fcntl(memory.get(), F_ADD_SEALS, seals) == 0);
  return memory;
}

std::string boot_content(std::string_view magic, std::uint64_t length, std::string_view body) {
  std::string content(magic);
  content.append(reinterpret_cast<char const*>(&length), sizeof(length));
  content.append(body);
  return content;
}

// What take_boot_bytes() says of a descriptor that it has to refuse; it must have closed it as well.
std::string refusal(UniqueFd memory) {
  int const fd = memory.release();
  std::string text = "accepted";
  try {
    take_boot_bytes(fd);
  } catch (corps::Refused const& error) {
    text = error.text();
  }
  CHECK_FALSE(is_open(fd));
  return text;
}

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("UniqueFd closes what it owns, once") {
  int const raw = open_null();
  {
    UniqueFd first(raw);
    UniqueFd second(std::move(first));
    CHECK_FALSE(first);
    CHECK(second.get() == raw);
    UniqueFd third;
    third = std::move(second);
    CHECK(third.get() == raw);
    CHECK(is_open(raw));
    int const other = open_null();
    third.reset(other);
    CHECK_FALSE(is_open(raw));
    CHECK(is_open(other));
    int const released = third.release();
    CHECK(released == other);
    CHECK_FALSE(third);
    ::close(released);
  }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("UniqueFd survives being moved into itself") {
  UniqueFd fd(open_null());
  UniqueFd& same = fd;
  fd = std::move(same);
  CHECK(fd);
  CHECK(is_open(fd.get()));
}

TEST_CASE("the system clock never goes back and ManualClock moves by hand only") {
  Clock& system = Clock::system();
  std::uint64_t last = system.monotonic_ns();
  for (int i = 0; i < 1000; ++i) {
    std::uint64_t const now = system.monotonic_ns();
    REQUIRE(now >= last);
    last = now;
  }
  auto const wall = system.wall();
  CHECK(wall <= std::chrono::system_clock::now());

  ManualClock manual;
  std::uint64_t const start = manual.monotonic_ns();
  auto const wall_start = manual.wall();
  CHECK(manual.monotonic_ns() == start);
  manual.advance(std::chrono::milliseconds(5));
  CHECK(manual.monotonic_ns() == start + 5'000'000);
  CHECK(manual.wall() - wall_start == std::chrono::milliseconds(5));
}

TEST_CASE("SeededRandom gives the same bytes for the same seed, however they are asked for") {
  std::array<std::byte, 100> whole{};
  SeededRandom(7).fill(whole);
  std::array<std::byte, 100> pieces{};
  SeededRandom again(7);
  std::size_t at = 0;
  for (std::size_t piece = 1; at < pieces.size(); ++piece) {
    std::size_t const size = std::min(piece, pieces.size() - at);
    again.fill(std::span(pieces).subspan(at, size));
    at += size;
  }
  CHECK(whole == pieces);
  std::array<std::byte, 100> other{};
  SeededRandom(8).fill(other);
  CHECK(whole != other);
}

TEST_CASE("the system's random bytes differ from call to call and fill any size") {
  std::array<std::byte, 32> first{};
  std::array<std::byte, 32> second{};
  Random::system().fill(first);
  Random::system().fill(second);
  CHECK(first != second);
  std::vector<std::byte> large(1 << 20);
  Random::system().fill(large);
  CHECK(std::count(large.end() - 4096, large.end(), std::byte{0}) < 200);
  Random::system().fill({});
  CHECK(random_u64(Random::system()) != random_u64(Random::system()));
}

TEST_CASE("a quota of a control group is read as cores, rounded up") {
  CHECK(cores_of_quota("200000 100000\n") == 2U);
  CHECK(cores_of_quota("150000 100000\n") == 2U);
  CHECK(cores_of_quota("5000 100000") == 1U);
  CHECK(cores_of_quota("18446744073709551615 1") == 65536U);
  for (char const* none : {"max 100000\n", "", "max", "100000", "100000 ", "100000 0", "0 100000", "-1 100000", "a b",
                           "99999999999999999999999 100000"}) {
    CAPTURE(none);
    CHECK_FALSE(cores_of_quota(none).has_value());
  }
}

TEST_CASE("there is at least one usable core, and no more than the affinity of the thread allows") {
  unsigned const all = usable_cores();
  CHECK(all >= 1);
  unsigned pinned = 0;
  std::thread([&pinned] {
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &allowed)) {
        CPU_SET(cpu, &one);
      }
    }
    REQUIRE(::sched_setaffinity(0, sizeof(one), &one) == 0);
    pinned = usable_cores();
  }).join();
  CHECK(pinned == 1);
}

TEST_CASE("the name of a thread is cut to what the kernel takes") {
  std::array<char, 64> name{};
  std::thread([&name] {
    name_thread("a name of more than fifteen bytes");
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  }).join();
  CHECK(std::string(name.data()) == "a name of more ");
}

TEST_CASE("signals are named with number and name, unknown ones by number") {
  CHECK(signal_text(9) == "signal 9 (SIGKILL)");
  CHECK(signal_text(15) == "signal 15 (SIGTERM)");
  CHECK(signal_text(4711) == "signal 4711");
}

TEST_CASE("an errno becomes the error of the table, with the limit to raise") {
  CHECK_NOTHROW(check(0, "do nothing"));
  CHECK_THROWS_WITH_AS(check(EMFILE, "open it"), doctest::Contains("cannot open it: Too many open files; the limit"),
                       corps::Overloaded);
  CHECK_THROWS_WITH_AS(check(EAGAIN, "start it"), doctest::Contains("ulimit -u"), corps::Overloaded);
  CHECK_THROWS_WITH_AS(check(ENOENT, "start it"), doctest::Contains("cannot start it: No such file or directory"),
                       corps::Refused);
}

TEST_CASE("the parent is watched only if it is the parent") {
  UniqueFd const watch = watch_parent(::getppid());
  CHECK(watch);
  CHECK((::fcntl(watch.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_FALSE(watch_parent(::getpid()));
  CHECK_FALSE(watch_parent(-1));
}

TEST_CASE("boot bytes come back as they were, from memory that nobody can change") {
  for (std::size_t const size : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{3} << 20}) {
    CAPTURE(size);
    auto const bytes = some_bytes(size);
    UniqueFd memory = seal_boot_bytes(bytes);
    int const fd = memory.get();
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::fcntl(fd, F_GET_SEALS) == seals_all);
    CHECK(::pwrite(fd, "x", 1, 0) == -1);
    CHECK(::ftruncate(fd, 0) == -1);
    SecretBytes const taken = take_boot_bytes(memory.release());
    CHECK(std::ranges::equal(taken.bytes(), bytes));
    CHECK_FALSE(is_open(fd));
  }
}

TEST_CASE("boot bytes have a limit, which is itself allowed") {
  std::vector<std::byte> bytes(boot_bytes_max + 1);
  CHECK_THROWS_WITH_AS(seal_boot_bytes(bytes), doctest::Contains("16777217 bytes, at most 16777216"), corps::Overloaded);
  bytes.pop_back();
  CHECK(take_boot_bytes(seal_boot_bytes(bytes).release()).bytes().size() == boot_bytes_max);
}

TEST_CASE("what no Env made is refused as boot bytes, and closed") {
  std::string const good = boot_content("CORPSBT1", 4, "body");
  auto const size_of = [](std::string const& content) { return static_cast<off_t>(content.size()); };
  {
    // The forged one with nothing wrong is taken: the refusals below are for the reason they name.
    SecretBytes const taken = take_boot_bytes(forge(good, size_of(good), seals_all).release());
    CHECK(taken.bytes().size() == 4);
  }
  for (int const missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL}) {
    CAPTURE(missing);
    CHECK(contains(refusal(forge(good, size_of(good), seals_all & ~missing)), "is not sealed memory"));
  }
  CHECK(contains(refusal(UniqueFd(open_null())), "is not sealed memory"));
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  UniqueFd const writer(ends[1]);
  CHECK(contains(refusal(UniqueFd(ends[0])), "is not sealed memory"));

  std::string const wrong_magic = boot_content("CORPSBT9", 4, "body");
  CHECK(contains(refusal(forge(wrong_magic, size_of(wrong_magic), seals_all)), "does not begin with the mark"));
  for (std::uint64_t const length :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{5}, std::uint64_t{1} << 31, ~std::uint64_t{0}}) {
    CAPTURE(length);
    std::string const lying = boot_content("CORPSBT1", length, "body");
    CHECK(contains(refusal(forge(lying, size_of(lying), seals_all)), "claims " + std::to_string(length) + " bytes and has 4"));
  }
  for (off_t size = 0; size < size_of(good); ++size) {
    CAPTURE(size);
    CHECK(contains(refusal(forge(good, size, seals_all)), size < 16 ? "which no Env makes" : "claims 4 bytes"));
  }
  CHECK(contains(refusal(forge(good, off_t{1} << 40, seals_all)), "has a size of 1099511627776 bytes"));
}

TEST_CASE("without a boot descriptor the text says how to start the application") {
  int const closed = open_null();
  ::close(closed);
  CHECK_THROWS_WITH_AS(take_boot_bytes(closed), doctest::Contains("was not started by an Env"), corps::Refused);
  CHECK_THROWS_WITH_AS(take_boot_bytes(closed), doctest::Contains("start the application with --config"), corps::Refused);
}

TEST_CASE("secrets are overwritten and change hands without a copy") {
  SecretBytes first(64);
  std::ranges::fill(first.bytes(), std::byte{0x5a});
  std::byte const* const where = first.bytes().data();
  SecretBytes second(std::move(first));
  CHECK(second.bytes().data() == where);
  CHECK(first.bytes().empty());  // NOLINT(bugprone-use-after-move): that it is empty is the promise
  SecretBytes third(8);
  third = std::move(second);
  CHECK(third.bytes().data() == where);
  CHECK(third.bytes().size() == 64);
  cleanse(third.bytes());
  CHECK(std::ranges::all_of(third.bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
}

}  // namespace host_test

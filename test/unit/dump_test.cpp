// What an Env does, as it tells whoever asks from outside, without being stopped.

#include <sys/wait.h>
#include <unistd.h>

#include "env/mgr/internal/dump.hpp"
#include "env/net/internal/dump_socket.hpp"
#include "test/unit/runtime_kit.hpp"

namespace dump_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

class Asker : public corps::Conc {
 public:
  corps::Task<int> ask(corps::Name<Holder> holder, std::uint64_t events) {
    auto answer = holder.call<&Holder::hold>(events);
    co_return co_await answer;
  }
  corps::Task<int> ask_asker(corps::Name<Asker> other, corps::Name<Holder> holder, std::uint64_t events) {
    auto answer = other.call<&Asker::ask>(holder, events);
    co_return co_await answer;
  }
  int ask_blocking(corps::Name<Asker> other) { return other.call<&Asker::quick>().get(); }
  int quick() { return ++count; }

 private:
  int count = 0;
};

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// A chain over three Workers that ends at one that computes, and one in get() behind it.
struct Stuck {
  Stuck()
      : holder(corps::create<Holder>(corps::here()).get()),
        near(corps::create<Asker>(corps::here().tagged(corps::Tag{"near"})).get()),
        far(corps::create<Asker>(corps::here()).get()),
        blocked(corps::create<Asker>(corps::here()).get()),
        first(far.call<&Asker::ask_asker>(near, holder, handle(events))) {
    REQUIRE(events.entered.wait());
    behind = blocked.call<&Asker::ask_blocking>(near);
    while (!has(corps::mgr::as_text(corps::mgr::take_dump("test")), "is in get() for")) {
    }
  }
  ~Stuck() {
    events.release.happen();
    CHECK(first.get() == 1);
    CHECK(behind.get() == 1);
  }
  Stuck(Stuck const&) = delete;
  Stuck& operator=(Stuck const&) = delete;
  std::string at(auto const& name) { return corps::to_string(name.address()); }

  Holder::Events events;
  corps::Name<Holder> holder;
  corps::Name<Asker> near;
  corps::Name<Asker> far;
  corps::Name<Asker> blocked;
  corps::Future<int> first;
  corps::Future<int> behind;
};

TEST_CASE("a dump says what each Worker runs and waits for, and the chains of the oldest calls") {
  Running corps;
  Stuck stuck;
  auto const text = corps::mgr::as_text(corps::mgr::take_dump("test"));
  CAPTURE(text);
  CHECK(has(text, "dump of env 0 of test (process "));
  CHECK(has(text, "threads: 2 run Workers, 1 spare ones beside them, 1 in get() or blocking()"));
  CHECK(has(text, "  runs runtime_kit::Holder::hold, for "));
  CHECK(has(text, "did not answer in time: it is in the middle of a turn"));
  CHECK(has(text, stuck.at(stuck.near) + "  dump_test::Asker 'near', 1 in the mailbox, 1 calls open"));
  CHECK(has(text, "  dump_test::Asker::ask waits for runtime_kit::Holder::hold at " + stuck.at(stuck.holder) + ", for "));
  CHECK(has(text,
            "  dump_test::Asker::ask_blocking is in get() for dump_test::Asker::quick at " + stuck.at(stuck.near) + ", for "));
  CHECK(has(text, "dump_test::Asker::ask_blocking at " + stuck.at(stuck.blocked) + " waits for dump_test::Asker::quick at " +
                      stuck.at(stuck.near) +
                      " (not begun), behind dump_test::Asker::ask, which waits for runtime_kit::Holder::hold at " +
                      stuck.at(stuck.holder)));
}

TEST_CASE("a dump comes over the socket of the process, as text and as JSON, while the Env goes on") {
  Running corps;
  Stuck stuck;
  auto const json = corps::net::ask_process(::getpid(), {.json = true});
  CAPTURE(json);
  CHECK(json.starts_with("{\"corps\":\""));
  CHECK(json.ends_with("]}\n"));
  CHECK(has(json, "\"runs\":\"runtime_kit::Holder::hold\""));
  CHECK(has(corps::net::ask_process(::getpid(), {}), "oldest open calls:"));
  auto const free = corps::create<Asker>(corps::here()).get();
  CHECK(free.call<&Asker::quick>().get() == 1);
}

TEST_CASE("an idle Env says so at once") {
  Running corps;
  auto const idle = corps::create<Asker>(corps::here()).get();
  CHECK(idle.call<&Asker::quick>().get() == 1);
  auto const dump = corps::mgr::take_dump("test");
  CHECK(dump.census.workers.empty());
  CHECK(dump.census.idle >= 2);
}

std::string why_not(pid_t process) {
  try {
    (void)corps::net::ask_process(process, {});
  } catch (corps::Refused const& error) {
    return error.text();
  }
  return "a dump";
}

TEST_CASE("where there is no dump, the reason is said") {
  auto const child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(why_not(child) == "there is no dump: there is no process " + std::to_string(child));
  CHECK(has(why_not(1), "there is no dump: process 1 is no Corps"));
  CHECK(has(why_not(::getpid()), "is no Corps, or one that is just starting or ending"));
}

}  // namespace dump_test

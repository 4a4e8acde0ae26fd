// Calls between a plain thread and Workers of one Env: what runs, with what, and what comes back.

#include <stdexcept>
#include <thread>

#include "corps/detail/call.hpp"
#include "test/unit/runtime_kit.hpp"

namespace call_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;

struct Counts {
  int copies = 0;
  int moves = 0;
};

/// Counts how often it is copied and moved.
struct Cargo {
  Cargo() = default;
  explicit Cargo(Counts& where) : counts(&where) {}
  Cargo(Cargo const& other) : counts(other.counts) {
    if (counts != nullptr) ++counts->copies;
  }
  Cargo(Cargo&& other) noexcept : counts(other.counts) {
    if (counts != nullptr) ++counts->moves;
  }
  Cargo& operator=(Cargo const& other) {
    counts = other.counts;
    if (counts != nullptr) ++counts->copies;
    return *this;
  }
  Cargo& operator=(Cargo&& other) noexcept {
    counts = other.counts;
    if (counts != nullptr) ++counts->moves;
    return *this;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(nothing);
  }
  Counts* counts = nullptr;
  int nothing = 0;
};

/// An interface of its own: no Conc.
struct Speaker {
  virtual ~Speaker() = default;
  virtual std::string speak(std::string what) = 0;
};

class Base : public corps::Conc {
 public:
  virtual int number() { return 1; }
  int inherited(int n) { return 10 * n; }
};

class Worker : public Base, public Speaker {
 public:
  int number() override { return 2; }
  std::string speak(std::string what) override { return "said " + what; }

  int add(int n) { return total += n; }
  int peek() const { return total; }
  int peek_noexcept() const noexcept { return total; }
  int over(int n) { return n; }
  std::string over(std::string text) { return text; }
  std::string over(std::string text) const { return text + " const"; }
  void note(int n) { noted.push_back(n); }
  std::vector<int> notes() { return noted; }
  Cargo pass(Cargo cargo) { return cargo; }
  void look(Cargo const& cargo) { (void)cargo; }
  corps::Task<Cargo> pass_awaiting(Cargo cargo) { co_return cargo; }
  void nothing() {}

  void throw_std(std::string what) { throw std::out_of_range(what); }
  void throw_int() { throw 17; }  // NOLINT: that is what is tested
  void throw_corps() { throw corps::Refused{"not today"}; }
  corps::Task<> throw_later(corps::Name<Worker> other) {
    co_await other.call<&Worker::throw_std>("deep");
    co_return;
  }
  corps::Task<> throw_two_hops(corps::Name<Worker> middle, corps::Name<Worker> end) {
    co_await middle.call<&Worker::throw_later>(end);
  }
  corps::Task<std::vector<int>> send_notes(corps::Name<Worker> to, int count) {
    for (int i = 0; i < count; ++i) {
      if (i % 2 == 0)
        to.tell<&Worker::note>(i);
      else
        (void)to.call<&Worker::note>(i);
    }
    auto sent = to.call<&Worker::notes>();
    co_return co_await sent;
  }

  int total = 0;
  std::vector<int> noted;
};

class Stranger : public corps::Conc {
 public:
  int alien(int n) { return n; }
};

TEST_CASE("methods of every kind are called") {
  Running corps;
  auto worker = corps::create<Worker>(corps::here()).get();
  CHECK(worker.call<&Worker::add>(5).get() == 5);
  CHECK(worker.call<&Worker::peek>().get() == 5);
  CHECK(worker.call<&Worker::peek_noexcept>().get() == 5);
  CHECK(worker.call<corps::pick<int(int)>(&Worker::over)>(3).get() == 3);
  CHECK(worker.call<corps::pick<std::string(std::string)>(&Worker::over)>("x").get() == "x");
  CHECK(worker.call<corps::pick<std::string(std::string) const>(&Worker::over)>("x").get() == "x const");
  CHECK(worker.call<&Base::inherited>(4).get() == 40);
  CHECK(worker.call<&Worker::inherited>(4).get() == 40);
  worker.call<&Worker::nothing>().get();

  corps::Name<Base> const base = worker;
  CHECK(base.call<&Base::number>().get() == 2);
  corps::Name<Speaker> const speaker = worker;
  CHECK(speaker.call<&Speaker::speak>("hello").get() == "said hello");
}

TEST_CASE("public members are read and written in the Worker's turns") {
  Running corps;
  auto worker = corps::create<Worker>(corps::here()).get();
  worker.set<&Worker::total>(7).get();
  CHECK(worker.get<&Worker::total>().get() == 7);
  worker.set<&Worker::noted>(std::vector<int>{1, 2}).get();
  CHECK(worker.get<&Worker::noted>().get() == std::vector<int>{1, 2});
}

TEST_CASE("calls and tells of one caller arrive in the order sent") {
  Running corps;
  auto from = corps::create<Worker>(corps::here()).get();
  auto to = corps::create<Worker>(corps::here()).get();
  constexpr int count = 2000;
  auto const notes = from.call<&Worker::send_notes>(to, count).get();
  REQUIRE(notes.size() == count);
  for (int i = 0; i < count; ++i) REQUIRE(notes[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("arguments and results are moved, never copied") {
  Running corps;
  auto worker = corps::create<Worker>(corps::here()).get();
  Counts counts;
  SUBCASE("by value, in an ordinary method") {
    (void)worker.call<&Worker::pass>(Cargo{counts}).get();
    CHECK(counts.copies == 0);
    CHECK(counts.moves <= 5);  // into the request, into the parameter, out of it, into the slot, out of the Future
  }
  SUBCASE("by value, in a Task") {
    (void)worker.call<&Worker::pass_awaiting>(Cargo{counts}).get();
    CHECK(counts.copies == 0);
    CHECK(counts.moves <= 7);
  }
  SUBCASE("by reference") {
    worker.call<&Worker::look>(Cargo{counts}).get();
    CHECK(counts.copies == 0);
    CHECK(counts.moves == 1);
  }
  SUBCASE("what the caller keeps is copied once") {
    Cargo const kept{counts};
    worker.call<&Worker::look>(kept).get();
    CHECK(counts.copies == 1);
  }
}

TEST_CASE("exceptions reach the caller with type, text and place") {
  Running corps;
  auto worker = corps::create<Worker>(corps::here()).get();
  auto const thrown = error_of(worker.call<&Worker::throw_std>("too far"));
  CHECK(thrown.code == Errc::remote);
  CHECK(thrown.ran == Ran::yes);
  CHECK(thrown.type == "std::out_of_range");
  CHECK(thrown.text == "too far");
  REQUIRE(thrown.chain.size() == 1);
  CHECK(thrown.chain[0] == "call_test::Worker::throw_std at " + to_string(worker.address()));

  CHECK(error_of(worker.call<&Worker::throw_int>()).type == "int");

  auto const refused = error_of(worker.call<&Worker::throw_corps>());
  CHECK(refused.code == Errc::remote);  // the method ran, so this is not a refusal of the runtime
  CHECK(refused.type == "corps::Refused");
  CHECK(refused.text == "not today");
  CHECK(worker.call<&Worker::add>(1).get() == 1);  // it lives on
}

TEST_CASE("an exception over two hops names all of them") {
  Running corps;
  auto first = corps::create<Worker>(corps::here()).get();
  auto second = corps::create<Worker>(corps::here()).get();
  auto third = corps::create<Worker>(corps::here()).get();
  auto const error = error_of(first.call<&Worker::throw_two_hops>(second, third));
  CHECK(error.type == "std::out_of_range");
  REQUIRE(error.chain.size() == 3);
  CHECK(error.chain[0].find("throw_std") != std::string::npos);
  CHECK(error.chain[1].find("throw_later") != std::string::npos);
  CHECK(error.chain[2].find("throw_two_hops") != std::string::npos);
}

TEST_CASE("a Name of the wrong class is found out") {
  Running corps;
  auto worker = corps::create<Worker>(corps::here()).get();
  auto const error = error_of(disguised<Stranger>(worker).call<&Stranger::alien>(1));
  CHECK(error.code == Errc::attribute);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("call_test::Worker") != std::string::npos);
  CHECK(error.text.find("alien") != std::string::npos);
  CHECK(disguised<Base>(worker).call<&Base::number>().get() == 2);  // the class of a base is right
  CHECK(disguised<Speaker>(worker).call<&Speaker::speak>("a").get() == "said a");
}

TEST_CASE("a Name of nobody, of a place that was never used, and of a thread") {
  Running corps;
  auto const nobody = error_of(corps::Name<Worker>{}.call<&Worker::peek>());
  CHECK(nobody.code == Errc::worker_lost);
  CHECK(nobody.ran == Ran::no);
  CHECK(error_of(corps::Name<Worker>{corps::ConcAddr{0, corps::ConcId{0xffff'ffff'ffff'ffff}}}.call<&Worker::peek>()).code ==
        Errc::worker_lost);
  CHECK(error_of(corps::Name<Worker>{corps::ConcAddr{77, corps::ConcId{5}}}.call<&Worker::peek>()).code == Errc::worker_lost);
  auto worker = corps::create<Base>(corps::here()).get();
  auto const thread = corps::detail::self().address();  // a thread serves nobody
  CHECK(error_of(corps::Name<Worker>{thread}.call<&Worker::peek>()).code == Errc::worker_lost);
  CHECK(worker.call<&Base::number>().get() == 1);
}

TEST_CASE("too many open calls are refused at birth") {
  Running corps({"limits.open_calls_per_worker=3"});
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto second = holder.call<&Holder::quick>();
  auto third = holder.call<&Holder::quick>();
  auto fourth = holder.call<&Holder::quick>();
  CHECK(fourth.ready());
  auto const error = error_of(std::move(fourth));
  CHECK(error.code == Errc::overloaded);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("limits.open_calls_per_worker") != std::string::npos);
  events.release.happen();
  CHECK(held.get() == 1);
  CHECK(second.get() == 1);
  CHECK(third.get() == 2);
  CHECK(holder.call<&Holder::quick>().get() == 3);
}

TEST_CASE("a thread that drops its Futures does not run into the limit of open calls") {
  Running corps({"limits.open_calls_per_worker=10"});
  auto worker = corps::create<Worker>(corps::here()).get();
  for (int i = 0; i < 1000; ++i) {
    auto future = worker.call<&Worker::add>(1);
    if (i % 10 == 9) CHECK_NOTHROW((void)future.get());  // the last of ten, so all ten are answered; none was waited for but this
  }
  CHECK(worker.call<&Worker::peek>().get() == 1000);
}

TEST_CASE("many threads call many Workers") {
  Running corps;
  std::vector<corps::Name<Worker>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(corps::create<Worker>(corps::here()).get());
  constexpr int threads = 8;
  constexpr int calls = 12'500;
  constexpr int window = 50;
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t)
    callers.emplace_back([&, t] {
      std::vector<corps::Future<int>> open;
      for (int i = 0; i < calls; ++i) {
        open.push_back(workers[static_cast<std::size_t>(t + i) % 4].call<&Worker::add>(1));
        if (open.size() < window) continue;
        for (auto& future : open) (void)future.get();
        open.clear();
      }
      for (auto& future : open) (void)future.get();
    });
  for (auto& caller : callers) caller.join();
  int total = 0;
  for (auto const& worker : workers) total += worker.call<&Worker::peek>().get();
  CHECK(total == threads * calls);
}

struct Reader {
  std::size_t read(std::string text) { return text.size(); }
};

TEST_CASE("what the arguments of a call hold is freed when they are packed, not when its answer comes") {
  using Call = corps::detail::Call<corps::detail::MethodOp<&Reader::read>>;
  std::string const text(100, 'x');
  Call call{std::in_place, text};
  corps::detail::ByteBuffer bytes;
  corps::Packer out{bytes};
  call.pack_arguments(out);
  CHECK(std::get<0>(call.arguments).capacity() < text.size());
  corps::Unpacker in{bytes.view()};
  std::string packed;
  in(packed);
  in.finish();
  CHECK(packed == text);
}

}  // namespace call_test

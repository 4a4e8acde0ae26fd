// Conc classes whose main loop says what is served when, and methods that are interleaved by themselves.

#include <stdexcept>
#include <string>
#include <thread>

#include "test/unit/runtime_kit.hpp"

namespace receive_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;

/// Opens and closes by turns; its state can be asked for at any time.
class Door : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;
  std::string open() { return state = "open"; }
  std::string close() { return state = "closed"; }
  void jam() { throw std::runtime_error("jammed"); }
  void finish() {}
  std::string status() { return state; }
  std::string state = "closed";
  static constexpr auto corps_interleaved_methods = corps::methods<&Door::status>;

 private:
  corps::Task<> on_main() override {
    for (bool goes_on = true; goes_on;) {
      auto const opened = co_await corps::receive(*this).only<&Door::open, &Door::jam, &Door::finish>();
      if (opened.is<&Door::finish>()) goes_on = false;
      if (!goes_on || opened.failed()) continue;
      co_await corps::receive(*this).only<&Door::close>();
    }
  }
};

TEST_CASE("a state machine serves what its state allows; the rest waits in its order") {
  Running corps;
  auto const door = corps::create<Door>(corps::here()).get();
  CHECK(door.call<&Door::open>().get() == "open");
  auto second = door.call<&Door::open>();  // not yet
  CHECK(door.call<&Door::status>().get() == "open");
  CHECK_FALSE(second.ready());
  CHECK(door.call<&Door::close>().get() == "closed");
  CHECK(second.get(patience) == "open");
  door.tell<&Door::open>();
  door.tell<&Door::open>();
  auto late = door.within(20ms).call<&Door::jam>();  // the tells come first
  CHECK(error_of(std::move(late)).ran == Ran::no);
  for (int i = 0; i < 3; ++i) CHECK(door.call<&Door::close>().get() == "closed");
  CHECK(error_of(door.call<&Door::jam>()).text == "jammed");  // answered; the loop goes on
  CHECK(door.call<&Door::open>().get() == "open");
  CHECK(door.call<&Door::close>().get() == "closed");
}

TEST_CASE("when its main loop ends, so does the object") {
  Running corps;
  auto const door = corps::create<Door>(corps::here()).get();
  auto waits = door.call<&Door::close>();
  door.call<&Door::finish>().get();
  CHECK(error_of(std::move(waits)).code == Errc::worker_lost);
  CHECK(error_of(door.call<&Door::status>()).code == Errc::worker_lost);
}

TEST_CASE("what waits to be received is bounded by the mailbox, and what is late makes room") {
  Running corps({"limits.mailbox=8"});
  auto const door = corps::create<Door>(corps::here()).get();
  std::vector<corps::Future<std::string>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(door.within(50ms).call<&Door::close>());
  for (auto& one : waiting) CHECK(error_of(std::move(one)).ran == Ran::no);
  CHECK(door.call<&Door::open>().get(patience) == "open");
  CHECK(door.call<&Door::close>().get(patience) == "closed");
}

/// One client at a time: begin, any number of puts, end.
class Upload : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;
  void begin(std::string name) {
    text_ = std::move(name);
    text_ += ':';
  }
  corps::Task<> put(std::string part) {
    co_await other_.call<&Holder::quick>();
    text_ += part;
  }
  std::string end() { return text_; }

 private:
  corps::Task<> on_start() override { other_ = co_await corps::create<Holder>(corps::here()); }
  corps::Task<> on_main() override {
    for (;;) {
      auto const begun = co_await corps::receive(*this).only<&Upload::begin>();
      for (bool ended = false; !ended;) {
        auto const next = co_await corps::receive(*this).from(begun.caller()).only<&Upload::put, &Upload::end>();
        ended = next.is<&Upload::end>();
      }
    }
  }
  corps::Name<Holder> other_;
  std::string text_;
};

class Client : public corps::Conc {
 public:
  corps::Task<std::string> send(corps::Name<Upload> upload, std::string name, int parts) {
    co_await upload.call<&Upload::begin>(name);
    for (int i = 0; i < parts; ++i) {
      if (i % 2 == 0)
        upload.tell<&Upload::put>(name);
      else
        co_await upload.call<&Upload::put>(name);
    }
    co_return co_await upload.call<&Upload::end>();
  }
};

TEST_CASE("a protocol over several requests with one client; others wait until it is done") {
  Running corps;
  auto const upload = corps::create<Upload>(corps::here()).get();
  auto const clients = corps::create<Client>(corps::anywhere(5)).get();
  std::vector<corps::Future<std::string>> sent;
  for (std::size_t i = 0; i < clients.size(); ++i)
    sent.push_back(clients[i].call<&Client::send>(upload, std::string(1, static_cast<char>('a' + i)), 20));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    auto const name = static_cast<char>('a' + i);
    CHECK(sent[i].get(patience) == std::string{name} + ":" + std::string(20, name));
  }
  upload.call<&Upload::begin>("thread").get();  // a plain thread is a client too
  upload.call<&Upload::put>("!").get();
  CHECK(upload.call<&Upload::end>().get() == "thread:!");
}

/// Receives in ways that it must not.
class Wrong : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;
  corps::Task<std::string> inside() { co_return trouble(); }
  std::string twice() { return twice_; }
  int quick() { return 1; }

 private:
  std::string trouble() {
    try {
      (void)corps::receive(*this).any();
    } catch (std::logic_error const& error) {
      return error.what();
    }
    return "nothing";
  }
  corps::Task<> on_main() override {
    { auto dropped = corps::receive(*this).only<&Wrong::quick>(); }
    for (;;) {
      auto one = corps::receive(*this).any();
      twice_ = trouble();
      co_await one;
    }
  }
  std::string twice_;
};

TEST_CASE("an object receives once at a time, and in its main loop") {
  Running corps;
  auto const wrong = corps::create<Wrong>(corps::here()).get();
  CHECK(wrong.call<&Wrong::quick>().get() == 1);
  CHECK(wrong.call<&Wrong::twice>().get().find("receives already") != std::string::npos);
  CHECK(wrong.call<&Wrong::inside>().get().find("is for on_main") != std::string::npos);
  Door door;
  CHECK_THROWS_AS((void)corps::receive(door).any(), std::logic_error);
}

TEST_CASE("thousands of requests are received, in order and without recursion") {
  Running corps;
  auto const upload = corps::create<Upload>(corps::here()).get();
  std::vector<corps::Future<void>> waiting;
  upload.call<&Upload::begin>("x").get();
  for (int i = 0; i < 5000; ++i) waiting.push_back(upload.call<&Upload::put>(std::to_string(i) + ","));
  for (auto& one : waiting) one.get(patience);
  std::string all = "x:";
  for (int i = 0; i < 5000; ++i) all += std::to_string(i) + ",";
  CHECK(upload.call<&Upload::end>().get() == all);
}

TEST_CASE("an object that ends while it receives, and while it serves what it received") {
  Running corps;
  for (int i = 0; i < 50; ++i) {
    auto const upload = corps::create<Upload>(corps::here()).get();
    auto begun = upload.call<&Upload::begin>("x");
    auto put = upload.call<&Upload::put>("y");
    if (i % 2 == 0) begun.get();
    corps::exit(upload);
    CHECK(error_of(upload.call<&Upload::end>()).code == Errc::worker_lost);
  }
  CHECK(corps.stop() == 0);
}

/// Answers when it is told to, though the request was received long ago.
class Later : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;
  corps::Later<int> ask() {
    promise_ = corps::Promise<int>{};
    return promise_.later();
  }
  void answer(int n) { promise_.set_value(n); }

 private:
  corps::Task<> on_main() override {
    for (;;) {
      co_await corps::receive(*this).only<&Later::ask>();
      co_await corps::receive(*this).only<&Later::answer>();
    }
  }
  corps::Promise<int> promise_;
};

TEST_CASE("a request that is answered later is received when its method has returned") {
  Running corps;
  auto const later = corps::create<Later>(corps::here()).get();
  for (int i = 0; i < 3; ++i) {
    auto asked = later.call<&Later::ask>();
    later.call<&Later::answer>(i).get(patience);
    CHECK(asked.get(patience) == i);
  }
}

/// Some of its methods may begin while others wait.
class Slow : public corps::Conc {
 public:
  corps::Task<int> work(corps::Name<Holder> holder, std::uint64_t events) {
    working = true;
    int const result = co_await holder.call<&Holder::hold>(events);
    working = false;
    co_return result;
  }
  int add() { return working ? -1 : ++added; }
  virtual bool status() { return working; }
  int count() { return added; }
  static constexpr auto corps_interleaved_methods = corps::methods<&Slow::status, &Slow::count>;
  bool working = false;
  int added = 0;
};
class Slower : public Slow {
 public:
  bool status() override { return working; }
};

TEST_CASE("interleaved methods begin while a request waits, in their order; the others do not") {
  Running corps;
  auto const holder = corps::create<Holder>(corps::here()).get();
  corps::Name<Slow> const slow = corps::create<Slower>(corps::here()).get();
  for (int round = 0; round < 3; ++round) {
    Holder::Events events;
    auto work = slow.call<&Slow::work>(holder, handle(events));
    REQUIRE(events.entered.wait());
    std::vector<corps::Future<int>> adds;
    for (int i = 0; i < 100; ++i) {
      adds.push_back(slow.call<&Slow::add>());
      CHECK(slow.call<&Slow::status>().get(patience));
    }
    CHECK(slow.call<&Slow::count>().get() == round * 100);
    events.release.happen();
    CHECK(work.get(patience) == 1);
    for (int i = 0; i < 100; ++i) CHECK(adds[static_cast<std::size_t>(i)].get(patience) == round * 100 + i + 1);
  }
  CHECK_FALSE(slow.call<&Slow::status>().get());
}

}  // namespace receive_test

// Calls between Envs that must fail, each in its own way, and calls with large arguments. Prints a line for each:
// "name: milliseconds | error". The first argument says which.
#include <map>

#include "system_probe.hpp"

using probe::ms;
using probe::now_ns;
using probe::say;
using probe::Worker;
using namespace std::chrono_literals;

/// Tells in which process it ran.
std::string here(std::string text) { return text + " in process " + std::to_string(::getpid()); }
corps::Task<int> sum(int left, int right) { co_return left + right; }
/// Who asks, as far as the target knows.
std::string asked_by() { return corps::context().user + " at " + to_string(corps::this_request().caller()); }
using Functions = corps::Funcs<&here, &sum, &asked_by>;

class Relay : public corps::Conc {
 public:
  std::string run(corps::Callable<std::string()> function) { return function(); }

  /// Hands a call on, so that what happens comes through two Envs.
  corps::Task<int> boom_at(corps::Name<Relay> other) { co_return co_await other.call<&Relay::boom>(); }
  int boom() { throw std::out_of_range{"no such shelf"}; }

  /// Calls a Worker that takes longer than whoever asks will wait; says afterwards how that call ended.
  corps::Task<> outlast(corps::Name<Worker> slow) {
    auto const begin = now_ns();
    try {
      co_await slow.call<&Worker::sleep>(400);
    } catch (corps::Error const& error) {
      ended_ = probe::line_of(error);
      ended_ms_ = ms(begin, now_ns());
    }
  }
  std::string ended() { return ended_; }
  /// When that has ended: its deadline may come a moment after that of its caller, in another Env.
  corps::Task<double> ended_ms() {
    while (ended_.empty()) co_await corps::sleep_for(1ms);
    co_return ended_ms_;
  }

  static constexpr bool corps_interleaved = true;

 private:
  std::string ended_;
  double ended_ms_ = 0;
};

/// Is told what happens in other Envs, and tells whoever waits for it.
class Witness : public corps::Conc {
 public:
  void saw(std::string what) {
    seen_[what] = true;
    if (auto waits = waiting_.extract(what)) waits.mapped().set_value();
  }
  corps::Later<void> wait(std::string what) {
    corps::Promise<void> promise;
    auto later = promise.later();
    if (seen_[what])
      promise.set_value();
    else
      waiting_.insert_or_assign(what, std::move(promise));
    return later;
  }

 private:
  std::map<std::string, bool> seen_;
  std::map<std::string, corps::Promise<void>> waiting_;
};

/// Streams that go to other Envs.
class Feed : public corps::Conc {
 public:
  corps::Stream<int> count(int to) {
    for (int i = 0; i < to; ++i) co_yield i;
  }
  corps::Stream<int> fails_after(int items) {
    for (int i = 0; i < items; ++i) co_yield i;
    throw std::out_of_range{"no more"};
  }
  corps::Stream<int> endless(corps::Name<Witness> witness) {
    struct Unwinds {
      ~Unwinds() { witness.tell<&Witness::saw>("unwound"); }
      corps::Name<Witness> witness;
    } const unwinds{witness};
    for (int i = 0;; ++i) co_yield i;
  }
  corps::Task<std::size_t> bytes_of(corps::Stream<std::string> items) {
    std::size_t bytes = 0;
    while (auto item = co_await items.next()) bytes += item->size();
    co_return bytes;
  }
  /// Hands on what it has got from another.
  corps::Task<corps::Stream<int>> count_of(corps::Name<Feed> other, int to) {
    auto counting = other.call<&Feed::count>(to);
    auto numbers = co_await counting;
    co_return numbers;
  }
};

/// A chain of calls through several Envs, to be cancelled.
class Step : public corps::Conc {
 public:
  explicit Step(corps::Name<Witness> witness) : witness_(witness) {}

  /// Goes on along the Names, and waits at the last of them.
  corps::Task<> go(std::vector<corps::Name<Step>> steps, corps::Name<Step> busy) {
    bool cancelled = false;
    try {
      if (steps.empty()) {
        auto call = busy.call<&Step::count>();
        witness_.tell<&Witness::saw>("the chain waits");
        (void)co_await call;
      } else {
        auto const next = steps.front();
        steps.erase(steps.begin());
        auto call = next.call<&Step::go>(steps, busy);
        co_await call;
      }
    } catch (corps::Cancelled const&) {
      cancelled = corps::cancelled();
    }
    witness_.tell<&Witness::saw>("cancelled: " + std::to_string(cancelled) + " at env " + std::to_string(my_addr().env));
  }
  corps::Task<> wait(std::string what, corps::Name<Step> busy) {
    bool cancelled = false;
    auto call = busy.call<&Step::count>();
    witness_.tell<&Witness::saw>(what + " waits");
    try {
      (void)co_await call;
    } catch (corps::Cancelled const&) {
      cancelled = corps::cancelled();
    }
    witness_.tell<&Witness::saw>(what + " cancelled: " + std::to_string(cancelled));
  }
  corps::Later<void> hand_on(std::string what, corps::Name<Step> to, corps::Name<Step> busy) {
    return corps::forward<&Step::wait>(to, what, busy);
  }
  void compute() {
    witness_.tell<&Witness::saw>("computes");
    while (!corps::cancelled()) ::sched_yield();
    witness_.tell<&Witness::saw>("computes no more");
  }
  int count() { return count_++; }
  corps::Task<> reach(corps::Name<Step> other) {
    auto call = other.call<&Step::nothing>();
    co_await call;
  }
  void nothing() {}

 private:
  corps::Name<Witness> witness_;
  int count_ = 0;
};

/// Waits for others, in a circle or not.
class Ring : public corps::Conc {
 public:
  using Names = std::vector<corps::Name<Ring>>;

  /// Calls the first of them on, which calls the next.
  corps::Task<int> pass(Names way) {
    if (way.empty()) co_return 0;
    auto const next = way.front();
    way.erase(way.begin());
    auto call = next.call<&Ring::pass>(way);
    auto const below = co_await call;
    co_return below + 1;
  }
  /// Calls it when both are busy. Whether that ended with a circle.
  corps::Task<int> meet(corps::Name<Ring> other, corps::Name<Witness> witness, std::string round) {
    witness.tell<&Witness::saw>(round + to_string(my_addr()));
    auto both = witness.call<&Witness::wait>(round + to_string(other.address()));
    co_await both;
    auto call = other.call<&Ring::count>();
    try {
      (void)co_await call;
    } catch (corps::CallCycle const&) {
      co_return 1;
    }
    co_return 0;
  }
  int count() { return ++count_; }

 private:
  int count_ = 0;
};

class OpenRing : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  /// Back and forth between two, each of which waits for the other all the time.
  corps::Task<int> bounce(corps::Name<OpenRing> self, corps::Name<OpenRing> other, int times) {
    if (times == 0) co_await corps::sleep_for(200ms);
    if (times == 0) co_return 0;
    auto call = other.call<&OpenRing::bounce>(other, self, times - 1);
    auto const below = co_await call;
    co_return below + 1;
  }
};

/// A request for a method that is in no table: what another program, or another version of this one, would send.
struct Stranger final : corps::detail::Reply<int> {
  explicit Stranger(corps::detail::MethodRecord const& which) : Reply<int>(&which) {}
  void invoke(corps::detail::Cell&) override { std::abort(); }
  void pack_arguments(corps::Packer&) override {}
  void pack_result(corps::Packer&) override {}
  void unpack_result(corps::Unpacker&) override {}
};
constinit corps::detail::MethodRecord stranger{{0x5742'4e47, "Stranger", "method", "(u64)"}, nullptr};
/// What a version of this program would call in which the method takes other arguments.
constinit corps::detail::MethodRecord other_version{{0x5742'4e48, "probe::Worker", "size_of", "(u64)u64"}, nullptr};

/// The same, for a method that is there, with arguments that are not its own.
struct Liar final : corps::detail::Reply<int> {
  explicit Liar(corps::detail::MethodRecord const* which) : Reply<int>(which) {}
  void invoke(corps::detail::Cell&) override { std::abort(); }
  void pack_arguments(corps::Packer& out) override { out(std::uint64_t{1} << 62U); }
  void pack_result(corps::Packer&) override {}
  void unpack_result(corps::Unpacker&) override {}
};

/// The same, with a bound function of another program.
struct Foreign final : corps::detail::Reply<int> {
  Foreign() : Reply<int>(&corps::detail::MethodOp<&Relay::run>::record) {}
  void invoke(corps::detail::Cell&) override { std::abort(); }
  void pack_arguments(corps::Packer& out) override { out(std::uint64_t{4711}, std::string{"other::function"}); }
  void pack_result(corps::Packer&) override {}
  void unpack_result(corps::Unpacker&) override {}
};

class Calls : public corps::Corps {
  corps::Task<> on_main() override {
    auto const mode = probe::argument(my_config(), 0);
    if (mode == "errors") co_await errors();
    if (mode == "functions") co_await functions();
    if (mode == "names") co_await names();
    if (mode == "deadlines") co_await deadlines();
    if (mode == "cancels") co_await cancels();
    if (mode == "cycles") co_await cycles();
    if (mode == "streams") co_await streams();
    if (mode == "sizes") co_await sizes();
    if (mode == "limits") co_await limits();
    if (mode == "flood") co_await flood();
    say("done");
  }

  template <class T>
  static corps::Task<> outcome(std::string what, corps::Future<T> call) {
    auto const begin = now_ns();
    std::string text = "it returned";
    try {
      if constexpr (std::is_void_v<T>)
        co_await call;
      else
        (void)co_await call;
    } catch (corps::Error const& error) {
      text = probe::line_of(error);
      for (auto const& step : error.chain()) text += " | " + step;
    }
    say("%s: %.1f ms | %s", what.c_str(), ms(begin, now_ns()), text.c_str());
  }

  template <class R>
  static corps::Future<int> raw_call(R* request, corps::ConcAddr to) {
    corps::detail::send(*request, to, nullptr, corps::detail::default_limit_ns);
    return corps::detail::FutureMaker<int>::make(*request);
  }

  corps::Task<> errors() {
    auto const one = co_await corps::create<Relay>(corps::env(1));
    auto const two = co_await corps::create<Relay>(corps::env(2));
    co_await outcome("throws", one.call<&Relay::boom>());
    co_await outcome("throws twice", one.call<&Relay::boom_at>(two));
    co_await outcome("no method", raw_call(new Stranger{stranger}, one.address()));
    co_await outcome("other version", raw_call(new Stranger{other_version}, one.address()));
    auto const* const method = &corps::detail::MethodOp<&Worker::size_of>::record;
    co_await outcome("bad arguments", raw_call(new Liar{method}, one.address()));
    co_await outcome("bad tag", corps::create<Relay>(corps::env(1).tagged(corps::Tag{"fine"})));
    co_await outcome("no env", corps::create<Relay>(corps::env(77)));
    co_await outcome("still there", one.call<&Relay::ended>());
  }

  template <class T>
  static corps::Task<> outcome_of(std::string what, corps::Task<T> task) {
    std::string text = "it returned";
    auto const begin = now_ns();
    try {
      (void)co_await std::move(task);
    } catch (corps::Error const& error) {
      text = probe::line_of(error);
    }
    say("%s: %.1f ms | %s", what.c_str(), ms(begin, now_ns()), text.c_str());
  }
  static corps::Task<long long> sum_of(corps::Stream<int> numbers) {
    long long sum = 0;
    while (auto number = co_await numbers.next()) sum += *number;
    co_return sum;
  }
  static corps::Task<int> write_to(corps::StreamWriter<std::string> writer) {
    co_await writer.write("x");
    co_return 1;
  }

  corps::Task<> streams() {
    auto const witness = co_await corps::create<Witness>(corps::here());
    auto const one = co_await corps::create<Feed>(corps::env(1));
    auto const two = co_await corps::create<Feed>(corps::env(2));
    auto counting = one.call<&Feed::count>(100'000);
    auto numbers = co_await counting;
    say("result: %lld", co_await sum_of(std::move(numbers)));
    auto [writer, items] = corps::stream<std::string>();
    auto sum = one.call<&Feed::bytes_of>(std::move(items));
    for (int i = 0; i < 3'000; ++i) co_await writer.write(std::string(1'000, 'x'));
    writer.end();
    say("argument: %zu", co_await sum);
    auto passing = two.call<&Feed::count_of>(one, 50'000);
    auto passed = co_await passing;
    say("handed on: %lld", co_await sum_of(std::move(passed)));
    auto failing = one.call<&Feed::fails_after>(2'000);
    auto failed = co_await failing;
    co_await outcome_of("throws", sum_of(std::move(failed)));
    auto dropping = one.call<&Feed::endless>(witness);
    {
      auto endless = co_await dropping;
      auto const first = co_await endless.next();
      say("endless: %d", *first);
    }
    co_await outcome("dropped", witness.call<&Witness::wait>("unwound"));
    auto const alone = co_await corps::create<Feed>(corps::env(1));
    auto cutting = alone.call<&Feed::count>(1'000'000'000);
    auto cut = co_await cutting;
    (void)co_await cut.next();
    co_await corps::exit(alone);
    co_await outcome_of("producer ends", sum_of(std::move(cut)));
    auto [late, nobodys] = corps::stream<std::string>();
    auto const gone = alone.call<&Feed::bytes_of>(std::move(nobodys));
    co_await outcome_of("no reader", write_to(std::move(late)));
  }

  corps::Task<> functions() {
    auto const workers = co_await corps::create<Functions>(corps::anywhere(2));
    auto const there = workers[0].address().env == 1 ? workers[0] : workers[1];
    auto const relay = co_await corps::create<Relay>(corps::env(1));
    auto const home = here("x");
    auto const text = co_await there.call<&here>("x");
    auto const bound = co_await relay.call<&Relay::run>(corps::bind<&here>("x"));
    say("function: %s, bound: %s", text == home ? "here" : "there", bound == text ? "there" : "elsewhere");
    say("task: %d", co_await there.call<&sum>(20, 22));
    corps::WithContext const scope{corps::Context{.trace = "", .user = "ann", .keys = {}}};
    auto const asked = co_await there.call<&asked_by>();
    say("asked by: %s", asked == "ann at " + to_string(my_addr()) ? "ann at the front" : asked.c_str());
    auto const alone = co_await corps::create<Worker>(corps::env(1).detached());
    bool const lives = co_await corps::alive(alone);
    co_await corps::exit(alone);
    bool const lived = co_await corps::alive(alone);
    say("alive: %d, then %d", lives, lived);
    co_await outcome("foreign function", raw_call(new Foreign, relay.address()));
    co_await outcome("not offered", corps::Name<Functions>{relay.address()}.call<&sum>(1, 2));
  }

  corps::Task<> names() {
    auto const relay = co_await corps::create<Relay>(corps::env(1));
    auto const gone = co_await corps::create<Worker>(corps::env(1));
    corps::exit(gone);
    for (bool there = true; there;) {
      try {
        co_await gone.call<&Worker::pid>();
      } catch (corps::WorkerLost const&) {
        there = false;
      }
    }
    auto const pid_of = [](corps::ConcAddr address) { return corps::Name<Worker>{address}.call<&Worker::pid>(); };
    co_await outcome("wrong class", pid_of(relay.address()));
    co_await outcome("dead id", pid_of(gone.address()));
    co_await outcome("unknown env", pid_of({4'000'000'000, corps::ConcId{16}}));
    for (corps::EnvId env = 0; env < 2; ++env) {
      auto const at = " at env " + std::to_string(env);
      co_await outcome("id 0" + at, pid_of({env, corps::ConcId::none}));
      co_await outcome("env manager" + at, pid_of({env, corps::env_mgr_id}));
      co_await outcome("front" + at, pid_of({env, corps::corps_front_id}));
      co_await outcome("fixed id" + at, pid_of({env, corps::ConcId{7}}));
      co_await outcome("huge id" + at, pid_of({env, corps::ConcId{~std::uint64_t{0}}}));
      co_await outcome("used once" + at,
                       pid_of({env, corps::ConcId{static_cast<std::uint64_t>(relay.address().conc) ^ (1ULL << 40U)}}));
    }
    // Nobody answers a tell; none of these may do harm.
    for (std::uint64_t id = 0; id < 64; ++id) corps::Name<Worker>{corps::ConcAddr{1, corps::ConcId{id}}}.tell<&Worker::add>(1);
    corps::exit(corps::Name<Worker>{corps::ConcAddr{1, corps::ConcId{~std::uint64_t{0}}}});
    corps::exit(corps::Name<Worker>{corps::ConcAddr{99, corps::ConcId{16}}});
    co_await outcome("still there", relay.call<&Relay::ended>());
  }

  corps::Task<> deadlines() {
    auto const relay = co_await corps::create<Relay>(corps::env(1));
    auto const slow = co_await corps::create<Worker>(corps::env(2));
    // The deadline goes with the call: the nested one ends with it.
    co_await outcome("nested", relay.within(100ms).call<&Relay::outlast>(slow));
    auto const ended_ms = co_await relay.call<&Relay::ended_ms>();
    auto const ended = co_await relay.call<&Relay::ended>();
    say("inner: %.1f ms | %s", ended_ms, ended.c_str());
    // What waits behind a busy Worker past its deadline is not begun.
    slow.tell<&Worker::sleep>(200);
    co_await outcome("queued", slow.within(50ms).call<&Worker::add>(1));
    auto const total = co_await slow.call<&Worker::add>(0);
    say("ran: %d", total);
  }

  corps::Task<> cancels() {
    auto const witness = co_await corps::create<Witness>(corps::here());
    auto const busy = co_await corps::create<Step>(corps::env(1), witness);
    auto const one = co_await corps::create<Step>(corps::env(1), witness);
    auto const two = co_await corps::create<Step>(corps::env(2), witness);
    auto computing = busy.call<&Step::compute>();
    co_await witness.call<&Witness::wait>("computes");
    std::vector<corps::Future<int>> queued;
    for (int i = 0; i < 100; ++i) queued.push_back(busy.call<&Step::count>());
    auto chain = one.call<&Step::go>(std::vector{two}, busy);
    co_await witness.call<&Witness::wait>("the chain waits");
    for (auto& call : queued) call.cancel();
    chain.cancel();
    co_await outcome("queued", std::move(queued.front()));
    co_await outcome("chain", std::move(chain));
    co_await witness.call<&Witness::wait>("cancelled: 1 at env 1");
    co_await witness.call<&Witness::wait>("cancelled: 1 at env 2");
    auto const zero = co_await corps::create<Step>(corps::env(0), witness);
    for (auto const by : {zero, one}) {
      auto const what = "handed on by env " + std::to_string(by.address().env);
      auto handed_on = by.call<&Step::hand_on>(what, two, busy);
      co_await witness.call<&Witness::wait>(what + " waits");
      handed_on.cancel();
      co_await outcome(what, std::move(handed_on));
      co_await witness.call<&Witness::wait>(what + " cancelled: 1");
    }
    co_await two.call<&Step::reach>(one);  // behind the last cancel of the chain
    computing.cancel();
    co_await outcome("computing", std::move(computing));
    co_await witness.call<&Witness::wait>("computes no more");
    say("counted: %d", co_await busy.call<&Step::count>());
  }

  corps::Task<> cycles() {
    Ring::Names ring;
    for (corps::EnvId env = 0; env < 3; ++env) ring.push_back(co_await corps::create<Ring>(corps::env(env)));
    Ring::Names const two{ring[1], ring[0]};
    Ring::Names const three{ring[1], ring[2], ring[0]};
    Ring::Names const tail{ring[1], ring[2], ring[1]};  // the first of the ring's Workers is not in the circle
    co_await outcome("two", ring[0].call<&Ring::pass>(two));
    co_await outcome("three", ring[0].call<&Ring::pass>(three));
    co_await outcome("tail", ring[0].call<&Ring::pass>(tail));

    auto const witness = co_await corps::create<Witness>(corps::here());
    int met = 0;
    for (int round = 0; round < 5; ++round) {
      auto first = ring[1].call<&Ring::meet>(ring[2], witness, std::to_string(round));
      auto second = ring[2].call<&Ring::meet>(ring[1], witness, std::to_string(round));
      met += co_await first;
      met += co_await second;
    }
    auto const ran_one = co_await ring[1].call<&Ring::count>();
    auto const ran_two = co_await ring[2].call<&Ring::count>();
    say("met: %d, ran: %d", met, ran_one + ran_two - 2);

    auto const left = co_await corps::create<OpenRing>(corps::env(1));
    auto const right = co_await corps::create<OpenRing>(corps::env(2));
    say("bounced: %d", co_await left.call<&OpenRing::bounce>(left, right, 20));
  }

  corps::Task<> sizes() {
    auto const worker = co_await corps::create<Worker>(corps::env(1));
    auto const small = co_await corps::create<Worker>(corps::env(1));
    for (std::size_t const mib : {1U, 10U, 50U}) {
      auto const begin = now_ns();
      std::string const text(mib << 20, 'x');
      auto call = worker.call<&Worker::echo>(text);
      double worst = 0;
      int calls = 0;
      while (!call.ready()) {
        auto const asked = now_ns();
        co_await small.call<&Worker::add>(1);
        worst = std::max(worst, ms(asked, now_ns()));
        ++calls;
      }
      auto const answer = co_await call;
      say("%zu MiB: %.1f ms, %s, %d small calls, worst %.1f ms", mib, ms(begin, now_ns()), answer == text ? "same" : "different",
          calls, worst);
    }
  }

  corps::Task<> limits() {
    auto const worker = co_await corps::create<Worker>(corps::env(1));
    co_await outcome("large argument", worker.call<&Worker::size_of>(std::string(3 << 20, 'x')));
    co_await outcome("large result", worker.call<&Worker::of_size>(std::size_t{3} << 20));
    co_await outcome("fits", worker.call<&Worker::size_of>(std::string(1 << 20, 'x')));
  }

  /// The test has stopped the process of Env 1.
  corps::Task<> flood() {
    auto const worker = co_await corps::create<Worker>(corps::env(1));
    auto const pid = co_await worker.call<&Worker::pid>();
    probe::stop_process(pid);
    std::string const text(64 << 10, 'x');
    std::vector<corps::Future<std::size_t>> calls;
    for (int i = 0; i < 20; ++i) worker.tell<&Worker::take>(text);
    for (int i = 0; i < 100; ++i) calls.push_back(worker.call<&Worker::size_of>(text));
    for (int i = 0; i < 2000; ++i) worker.tell<&Worker::take>(text);
    say("flooded %d", ::getpid());
    co_await outcome("one more", worker.call<&Worker::size_of>(text));
    ::kill(pid, SIGCONT);
    int answered = 0;
    int overloaded = 0;
    for (auto& call : calls) {
      try {
        co_await call;
        ++answered;
      } catch (corps::Overloaded const& error) {
        if (!error.may_have_run()) ++overloaded;
      }
    }
    say("answered %d, overloaded %d", answered, overloaded);
    co_await outcome("later", worker.call<&Worker::size_of>(text));
  }
};

int main(int argc, char** argv) { return corps::run<Calls>(argc, argv); }

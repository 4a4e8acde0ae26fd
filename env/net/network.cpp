#include "env/net/internal/network.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include "corps/error.hpp"
#include "env/host/internal/thread.hpp"
#include "env/net/internal/dialer.hpp"
#include "env/net/internal/handshake.hpp"
#include "env/net/internal/log_limiter.hpp"
#include "env/net/internal/opening.hpp"
#include "env/net/internal/own_addresses.hpp"
#include "env/net/internal/reactor.hpp"
#include "env/net/internal/readiness.hpp"
#include "env/net/internal/stream.hpp"
#include "env/net/internal/tls_channel.hpp"
#include "env/net/internal/tls_renewal.hpp"

namespace corps::net {

namespace {

constexpr int accepts_per_turn_max = 16;
constexpr std::chrono::hours certificates_interval{1};

}  // namespace

void Events::on_frames(Carrier& carrier, std::span<Frame const> frames) {
  for (auto const& frame : frames) {
    if (carrier.is_closed()) return;
    on_frame(carrier, frame);
  }
}

// Everything below lives on the I/O thread, except what says otherwise. Public functions of Network only post to it.
class Network::Impl final : public Stream::Owner,
                            public Opening::Owner,
                            public Dialer::Owner,
                            public std::enable_shared_from_this<Network::Impl> {
 public:
  Impl(Identity identity, NetSettings settings, Events& events, Log log, host::Random& random, host::Clock& clock)
      : identity_(std::move(identity)),
        settings_(std::move(settings)),
        events_(events),
        random_(random),
        clock_(clock),
        log_(std::move(log), clock, log_lines_per_second_max),
        read_buffer_(read_buffer_bytes),
        resolver_(reactor_, settings_.lookup) {
    if (has_tls()) certificates_.emplace(settings_.tls, clock, [this](std::string const& line) { log_(line); });
  }
  ~Impl() { wipe(identity_.secret); }

  Reactor& reactor() noexcept { return reactor_; }
  bool has_tls() const noexcept { return settings_.tls != nullptr; }

  // On the caller's thread.
  void start();
  bool stop(std::chrono::milliseconds limit);

  void add_listener(Endpoint endpoint, host::UniqueFd fd);
  void add_watch(host::UniqueFd fd, std::function<bool()> ready);
  void begin_dial(Peer expected, std::vector<Endpoint> endpoints);
  /// Null once it is stopping.
  Readiness* readiness() noexcept { return stopping_ ? nullptr : &readiness_; }

 private:
  struct Listener {
    explicit Listener(Reactor& reactor) : pause(reactor) {}
    Endpoint endpoint;
    std::optional<Descriptor> descriptor;
    Timer pause;
    bool waits_for_room = false;
  };
  struct Watch {
    std::optional<Descriptor> descriptor;
    std::function<bool()> ready;
  };
  struct Dial {
    Dial(Peer to, Impl& network)
        : expected(to),
          dialer(network.reactor_, network.resolver_, network, network.clock_, network.settings_.handshake_limit,
                 network.has_tls()) {}
    Peer expected;
    Dialer dialer;
    std::shared_ptr<Opening> opening;  // of the endpoint that is connected
  };

  std::unique_ptr<TlsChannel> tls_for(Endpoint const& endpoint, TlsRole role) {
    return is_tls(endpoint) ? std::make_unique<TlsChannel>(certificates_->current(), role) : nullptr;
  }
  void look_after_certificates();

  void begin_stop(std::chrono::milliseconds limit);
  void end_if_idle();

  void watch(Stream& stream);
  void on_beat();

  void on_acceptable(Listener& listener);
  bool make_room(Listener& listener);
  void room_is_made();
  void pause(Listener& listener, std::chrono::nanoseconds how_long);

  void end_dial(std::shared_ptr<Dial> const& dial, std::string const& reason, bool duplicate);
  std::shared_ptr<Dial> dial_of(Opening const& opening);
  std::shared_ptr<Dial> dial_of(Dialer const& dialer);

  // Dialer::Owner
  void on_connected(Dialer& dialer, Endpoint const& endpoint, host::UniqueFd fd) override;
  void on_exhausted(Dialer& dialer) override;

  // Opening::Owner and Stream::Owner
  std::span<std::byte> read_buffer() override { return read_buffer_; }
  bool admit(Peer const& peer) override { return events_.admit(peer); }
  void on_no_shm(std::string const& reason) override;
  void on_opened(Opening& opening, host::UniqueFd fd, std::span<std::byte const> rest, std::unique_ptr<ShmLink> shm,
                 std::unique_ptr<TlsChannel> tls) override;
  void on_failed(Opening& opening, std::string const& reason) override;
  void on_frames(Stream& stream, std::span<Frame const> frames) override { events_.on_frames(stream, frames); }
  void on_closed(Stream& stream, std::string const& reason, Ending ending, bool fault) override;
  void on_released(Stream& stream) override;

  Identity identity_;
  NetSettings const settings_;
  Events& events_;
  host::Random& random_;
  host::Clock& clock_;
  LogLimiter log_;
  std::vector<std::byte> read_buffer_;

  Reactor reactor_{settings_.spin};
  std::list<Listener> listeners_;
  std::list<Watch> watches_;
  Readiness readiness_{reactor_};
  Resolver resolver_;
  std::list<std::shared_ptr<Opening>> accepted_;  // oldest first
  std::list<std::shared_ptr<Dial>> dials_;
  std::unordered_map<Stream const*, std::shared_ptr<Stream>> streams_;
  bool stopping_ = false;
  bool told_no_shm_ = false;
  std::optional<TlsRenewal> certificates_;  // if there are any
  Timer beats_{reactor_};                   // runs while one of the streams is watched

  std::thread thread_;
  std::mutex ended_mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;        // the I/O thread is done
  bool left_behind_ = false;  // or was not when stop() gave up
};

// Start and stop.

void Network::Impl::start() {
  if (certificates_) reactor_.post([this] { look_after_certificates(); });
  thread_ = host::start_thread("corps io", [this, self = shared_from_this()] {
    reactor_.run();
    std::lock_guard const lock(ended_mutex_);
    ended_ = true;
    ended_changed_.notify_all();
  });
}

// Where no connection begins, they get old as well.
void Network::Impl::look_after_certificates() {
  if (stopping_) return;
  certificates_->current();
  reactor_.after(certificates_interval, [this] { look_after_certificates(); });
}

bool Network::Impl::stop(std::chrono::milliseconds limit) {
  if (!thread_.joinable()) return !left_behind_;
  reactor_.post([this, limit] { begin_stop(limit); });
  // The I/O thread closes what is left after `limit`; only a callback that does not return keeps it longer.
  constexpr std::chrono::milliseconds grace{100};
  {
    std::unique_lock lock(ended_mutex_);
    if (!ended_changed_.wait_for(lock, limit + grace, [this] { return ended_; })) {
      left_behind_ = true;
      reactor_.stop();  // after that callback there is none any more
      thread_.detach();
      return false;
    }
  }
  thread_.join();
  return true;
}

void Network::Impl::begin_stop(std::chrono::milliseconds limit) {
  if (std::exchange(stopping_, true)) return;
  std::string const reason = "this Env is stopping";
  listeners_.clear();
  watches_.clear();
  readiness_.clear();
  while (!accepted_.empty()) accepted_.front()->fail(reason);
  while (!dials_.empty()) {
    auto const dial = dials_.front();
    if (dial->opening) {
      dial->opening->fail(reason);
    } else {
      end_dial(dial, reason, false);
    }
  }
  for (auto const& [key, stream] : streams_) stream->flush_and_close("the Env is stopping");
  reactor_.after(limit, [this] {
    for (auto const& [key, stream] : streams_) stream->close("closed at the stop limit, not drained", Ending::final);
  });
  end_if_idle();
}

void Network::Impl::end_if_idle() {
  if (stopping_ && streams_.empty()) reactor_.stop();
}

// Accepting.

void Network::Impl::add_listener(Endpoint endpoint, host::UniqueFd fd) {
  if (stopping_) return;
  auto& listener = listeners_.emplace_back(reactor_);
  listener.endpoint = std::move(endpoint);
  listener.descriptor.emplace(
      reactor_, std::move(fd), [this, &listener] { on_acceptable(listener); }, [] {});
  listener.descriptor->arm_read();
}

void Network::Impl::on_acceptable(Listener& listener) {
  listener.waits_for_room = false;
  for (int turn = 0; turn < accepts_per_turn_max; ++turn) {
    if (!make_room(listener)) return;
    host::UniqueFd fd(::accept4(listener.descriptor->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      int const error = errno;
      if (error == EAGAIN || error == EWOULDBLOCK) break;
      if (error == EINTR || error == ECONNABORTED) continue;
      log_("cannot accept a connection on " + listener.endpoint.text + ": " + errno_text(error) +
           "; accepting pauses for 100 ms; raise the limit of open files (ulimit -n) if this stays");
      return pause(listener, accept_pause);
    }
    if (auto const reason = stranger(fd.get()); !reason.empty()) {
      log_("closed a connection of " + remote_text(fd.get()) + ": " + reason);
      continue;
    }
    tune(fd.get());
    auto const opening =
        std::make_shared<Opening>(reactor_, *this, Handshake::server(identity_, random_), std::move(fd), clock_.monotonic_ns(),
                                  settings_.shm, tls_for(listener.endpoint, TlsRole::server));
    accepted_.push_back(opening);
    opening->start_accepted(settings_.handshake_limit);
  }
  listener.descriptor->arm_read();
}

// Whether one more may begin its handshake. If not, the listener waits until one has ended, or the oldest has had its time.
bool Network::Impl::make_room(Listener& listener) {
  if (accepted_.size() < unproved_connections_max) return true;
  auto const oldest = accepted_.front();
  auto const age = std::chrono::nanoseconds(clock_.monotonic_ns() - oldest->started_ns());
  if (age >= unproved_gives_way_after) {
    oldest->fail("gave way to others: " + std::to_string(accepted_.size()) + " connections are in their handshake");
    return true;
  }
  listener.waits_for_room = true;
  pause(listener, unproved_gives_way_after - age);
  return false;
}

void Network::Impl::room_is_made() {
  for (auto& listener : listeners_) {
    if (std::exchange(listener.waits_for_room, false)) pause(listener, std::chrono::nanoseconds{0});
  }
}

void Network::Impl::pause(Listener& listener, std::chrono::nanoseconds how_long) {
  listener.pause.start(how_long, [&listener] { listener.descriptor->arm_read(); });
}

// Dialling.

void Network::Impl::begin_dial(Peer expected, std::vector<Endpoint> endpoints) {
  auto const dial = std::make_shared<Dial>(expected, *this);
  dials_.push_back(dial);
  if (stopping_) return end_dial(dial, "this Env is stopping", false);
  if (expected.env == identity_.self.env) return end_dial(dial, "an Env does not dial itself", false);
  if (endpoints.empty()) return end_dial(dial, "no endpoint of it is known", false);
  dial->dialer.start(std::move(endpoints));
}

void Network::Impl::on_connected(Dialer& dialer, Endpoint const& endpoint, host::UniqueFd fd) {
  auto const dial = dial_of(dialer);
  if (auto const reason = stranger(fd.get()); !reason.empty()) return dialer.go_on(reason);
  tune(fd.get());
  dial->opening = std::make_shared<Opening>(reactor_, *this, Handshake::client(identity_, dial->expected, random_), std::move(fd),
                                            clock_.monotonic_ns(), settings_.shm, tls_for(endpoint, TlsRole::client));
  dial->opening->start_dialed(settings_.handshake_limit);
}

void Network::Impl::on_exhausted(Dialer& dialer) {
  auto const dial = dial_of(dialer);
  end_dial(dial, dialer.reasons(), false);
}

void Network::Impl::end_dial(std::shared_ptr<Dial> const& dial, std::string const& reason, bool duplicate) {
  dials_.remove(dial);
  events_.on_dial_failed(dial->expected, reason, duplicate);
}

std::shared_ptr<Network::Impl::Dial> Network::Impl::dial_of(Dialer const& dialer) {
  return *std::ranges::find_if(dials_, [&](auto const& dial) { return &dial->dialer == &dialer; });
}

std::shared_ptr<Network::Impl::Dial> Network::Impl::dial_of(Opening const& opening) {
  auto const found = std::ranges::find_if(dials_, [&](auto const& dial) { return dial->opening.get() == &opening; });
  return found == dials_.end() ? nullptr : *found;
}

// Handshakes that ended, and what became of them.

void Network::Impl::on_no_shm(std::string const& reason) {
  if (std::exchange(told_no_shm_, true)) return;
  log_("no shared memory for links to Envs of this host: " + reason + "; they go over Unix sockets, which is slower");
}

void Network::Impl::on_opened(Opening& opening, host::UniqueFd fd, std::span<std::byte const> rest, std::unique_ptr<ShmLink> shm,
                              std::unique_ptr<TlsChannel> tls) {
  auto const dial = dial_of(opening);
  if (dial) {
    dials_.remove(dial);
  } else {
    accepted_.remove(opening.shared_from_this());
    room_is_made();
  }
  auto const stream = std::make_shared<Stream>(reactor_, *this, settings_, opening.handshake().peer(), std::move(fd),
                                               std::move(shm), std::move(tls));
  streams_.emplace(stream.get(), stream);
  reactor_.admit_visitors(true);
  watch(*stream);
  events_.on_open(stream, dial != nullptr);
  stream->start(rest);
}

void Network::Impl::on_failed(Opening& opening, std::string const& reason) {
  if (auto const dial = dial_of(opening)) {
    dial->opening.reset();
    bool const duplicate = opening.handshake().refused_as_duplicate();
    if (duplicate || stopping_) return end_dial(dial, duplicate ? reason : "this Env is stopping", duplicate);
    return dial->dialer.go_on(reason);
  }
  accepted_.remove(opening.shared_from_this());
  room_is_made();
  if (!stopping_ && !opening.handshake().refused_a_duplicate()) {
    log_("closed a connection of " + opening.remote() + ": " + reason);
  }
}

// Heartbeats: all at the same moment, so that an Env with links to many hosts wakes up once for them.

void Network::Impl::watch(Stream& stream) {
  auto const& settings = settings_.heartbeats;
  auto const fd = stream.fd();
  if (settings.to_all ? is_unix(fd) : within_host(fd)) return;
  // The system notices where this process would not: after the heartbeats have had their time.
  limit_silence(fd, settings.silence_limit + 2 * settings.interval);
  stream.watch({settings, clock_.monotonic_ns()});
  if (!beats_.running()) beats_.start(settings.interval, [this] { on_beat(); });
}

void Network::Impl::on_beat() {
  std::vector<std::shared_ptr<Stream>> watched;
  for (auto const& [key, stream] : streams_)
    if (stream->is_watched()) watched.push_back(stream);
  for (auto const& stream : watched) {
    auto const silence = stream->beat(clock_.monotonic_ns());
    if (!silence) {
      events_.on_beat(*stream);
      continue;
    }
    auto const silence_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*silence).count();
    auto const text = "nothing was heard of it for " + std::to_string(silence_ms) + " ms (limits.link_silence)";
    log_("cut the connection with " + to_string(stream->peer()) + " at " + remote_text(stream->fd()) + ": " + text);
    stream->close(text, Ending::cut);
  }
  if (!watched.empty()) beats_.start(settings_.heartbeats.interval, [this] { on_beat(); });
}

void Network::Impl::on_closed(Stream& stream, std::string const& reason, Ending ending, bool fault) {
  if (fault) log_("closed the connection with " + to_string(stream.peer()) + ": " + reason);
  events_.on_closed(stream, reason, ending);
}

void Network::Impl::on_released(Stream& stream) {
  streams_.erase(&stream);
  reactor_.admit_visitors(!streams_.empty());
  end_if_idle();
}

void Network::Impl::add_watch(host::UniqueFd fd, std::function<bool()> ready) {
  if (stopping_) return;
  auto const watch = watches_.emplace(watches_.end());
  watch->ready = std::move(ready);
  watch->descriptor.emplace(
      reactor_, std::move(fd),
      [this, watch] {
        if (watch->ready()) {
          watch->descriptor->arm_read();
        } else {
          watches_.erase(watch);
        }
      },
      [] {});
  watch->descriptor->arm_read();
}

// Network: posts to the I/O thread.

Network::Network(Identity identity, NetSettings settings, Events& events, Log log, host::Random& random, host::Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(identity), std::move(settings), events, std::move(log), random, clock)) {}

Network::~Network() { stop(std::chrono::milliseconds{0}); }

void Network::start() { impl_->start(); }

std::vector<Endpoint> Network::listen(std::vector<Endpoint> const& endpoints) {
  struct Listening {
    host::UniqueFd fd;
    Endpoint endpoint;
  };
  std::vector<Listening> all;
  for (auto const& endpoint : endpoints) {
    if (auto const reason = unfit(endpoint, impl_->has_tls()); !reason.empty())
      throw ConfigError("cannot listen on " + endpoint.text + ": it " + reason);
    auto fd = listen_on(endpoint);
    auto got = endpoint_of(fd.get(), is_tls(endpoint));
    all.push_back({std::move(fd), std::move(got)});
  }
  std::vector<Endpoint> reachable;
  for (auto& each : all) {
    for (auto& endpoint : reachable_at(each.endpoint)) reachable.push_back(std::move(endpoint));
    // std::function wants what can be copied.
    auto fd = std::make_shared<host::UniqueFd>(std::move(each.fd));
    post([impl = impl_.get(), endpoint = each.endpoint, fd] { impl->add_listener(endpoint, std::move(*fd)); });
  }
  return reachable;
}

void Network::dial(Peer expected, std::vector<Endpoint> endpoints) {
  post([impl = impl_.get(), expected, endpoints = std::move(endpoints)]() mutable {
    impl->begin_dial(expected, std::move(endpoints));
  });
}

void Network::watch_readable(int fd, std::function<bool()> ready) {
  auto own = std::make_shared<host::UniqueFd>(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!*own) throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
  post([impl = impl_.get(), own, ready = std::move(ready)]() mutable { impl->add_watch(std::move(*own), std::move(ready)); });
}

void Network::await_ready(std::uint64_t number, host::UniqueFd fd, bool to_write, std::function<void(std::string const&)> done) {
  auto own = std::make_shared<host::UniqueFd>(std::move(fd));
  post([impl = impl_.get(), number, own, to_write, done = std::move(done)]() mutable {
    if (auto* const readiness = impl->readiness()) readiness->add(number, std::move(*own), to_write, std::move(done));
  });
}

void Network::forget_ready(std::uint64_t number) {
  post([impl = impl_.get(), number] {
    if (auto* const readiness = impl->readiness()) readiness->forget(number);
  });
}

void Network::after(std::chrono::nanoseconds delay, std::function<void()> work) {
  impl_->reactor().after(delay, std::move(work));
}

void Network::post(std::function<void()> work) { impl_->reactor().post(std::move(work)); }

std::shared_ptr<sched::Outside> Network::outside() { return impl_->reactor().outside(); }

std::unique_ptr<mail::DeadlineClock> Network::make_clock() {
  auto& reactor = impl_->reactor();
  auto clock = std::make_unique<mail::DeadlineClock>(reactor.waker());
  reactor.keep(*clock);
  return clock;
}

bool Network::stop(std::chrono::milliseconds limit) { return impl_->stop(limit); }

}  // namespace corps::net

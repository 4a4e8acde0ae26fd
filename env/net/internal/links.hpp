#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corps/detail/envelope.hpp"
#include "env/net/internal/link.hpp"
#include "env/net/internal/network.hpp"
#include "env/net/internal/unpacking.hpp"

namespace corps::net {

/// What the links ask of whoever knows the Envs.
class Directory {
 public:
  /// Where an Env can be reached, in the order to try; and whether it is up.
  struct Entry {
    Peer peer;
    std::vector<Endpoint> endpoints;
    std::string gone;  // how it ended; empty while it is up
  };
  /// False: no such Env is known. Any thread.
  virtual bool look_up(EnvId env, Entry& entry) = 0;
  /// Bytes of a control frame; on the I/O thread. What cannot be understood throws DecodeError, and closes the link.
  virtual void on_control(Peer const& from, std::span<std::byte const> bytes) = 0;
  /// A link to this Env came up; or its session ended, or none could be made; on the I/O thread.
  virtual void on_link(Peer const& peer, bool up) = 0;

 protected:
  ~Directory() = default;
};

/// All links of an Env: they carry requests to other Envs and their answers back.
/// Threads: any, where nothing else is said.
class Links final : public Events, public mail::ProbeWay {
 public:
  Links(EnvId self, Directory& directory, LinkLimits limits);
  ~Links();
  Links(Links const&) = delete;
  Links& operator=(Links const&) = delete;

  void attach(Network& network) noexcept { network_ = &network; }

  /// Sends a request to another Env and takes it over; it always comes home.
  void send(std::unique_ptr<detail::Request> request, EnvId env) noexcept;
  /// The caller has given up a call to this Env; see Link::cancel.
  void cancel(EnvId env, std::uint64_t number) noexcept;
  bool send_probe(EnvId env, std::uint64_t number, std::span<std::byte const> body) noexcept override;
  /// Sends a control frame; false if there is no way to send it now.
  bool send_control(EnvId env, std::span<std::byte const> bytes);
  /// An Env has ended, as `how` says: its open calls end, and no new ones are sent.
  void env_ended(EnvId env, std::string const& how);
  /// Makes the link to this Env, without having anything to send.
  void connect(EnvId env);
  /// All that were ever wanted, by their Envs.
  std::vector<LinkSeen> seen();
  /// Once the network has stopped: ends every call that is still away, and later ones at once.
  void stop();

  // Events
  bool admit(Peer const& peer) override;
  void on_open(std::shared_ptr<Carrier> carrier, bool dialed) override;
  void on_frame(Carrier& carrier, Frame const& frame) override { on_frames(carrier, {&frame, 1}); }
  void on_frames(Carrier& carrier, std::span<Frame const> frames) override;
  void on_beat(Carrier& carrier) override;
  void on_closed(Carrier& carrier, std::string_view reason, Ending ending) override;
  void on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) override;

 private:
  Link* find(EnvId env);
  Link* find_or_make(EnvId env);
  void want_carrier(Link& way);
  void queue_dial(Link& way);
  void begin_dials();
  void on_whole(Carrier& carrier, Link& way, FrameKind kind, Payload const& payload);
  bool hand_up(Carrier& carrier, Link& way, std::span<Frame const> frames, std::uint64_t which);
  std::string on_alike(Carrier& carrier, Link& way, std::span<Frame const> frames);
  std::string on_fragment(Carrier& carrier, Link& way, Frame const& fragment);
  void unpack_later(Link& way, WorkerPair const& pair, FrameKind kind, ReceivedMessage message);
  void unpack(Unpacking::Job& job);
  void close_for(Carrier& carrier, std::string why);
  void dial_after(std::chrono::nanoseconds delay, Link& way);
  void dial_if_peer_is_late(Link& way);
  void try_again(Link& way, Peer const& peer, std::string_view reason);
  void watch_resume(Link& way, Peer const& peer);
  void restore_retried(Link& way, Peer const& peer, std::chrono::nanoseconds delay);
  void give_up_after(std::chrono::nanoseconds delay, Link& way, std::string why);

  EnvId self_;
  Directory& directory_;
  LinkLimits limits_;
  Network* network_ = nullptr;

  // On the I/O thread only.
  std::deque<Link*> dial_queue_;
  int dials_ = 0;  // that have begun and not ended

  std::mutex mutex_;
  std::map<EnvId, std::unique_ptr<Link>> links_;
  static constexpr std::size_t near_max = 64;
  std::array<std::atomic<Link*>, near_max> near_{};  // the same, of Envs with low numbers: to be found without the lock
  bool stopped_ = false;

  Unpacking unpacking_;  // last: it uses links_
};

}  // namespace corps::net

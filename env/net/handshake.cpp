#include "env/net/internal/handshake.hpp"

#include <algorithm>
#include <utility>

namespace corps::net {

namespace {

// The proofs of the roles differ, so that a proof sent back to its maker is worth nothing. The final zero is part of them.
constexpr std::string_view client_proves{"corps 1 client proves\0", 22};
constexpr std::string_view server_accepts{"corps 1 server accepts\0", 23};
constexpr std::string_view server_refuses{"corps 1 server refuses\0", 23};
static_assert(client_proves.back() == '\0' && server_accepts.back() == '\0' && server_refuses.back() == '\0');

constexpr std::byte tls_handshake_record{0x16};

// Where the fields of hello and challenge lie.
constexpr std::size_t corps_id_at = 4;
constexpr std::size_t env_at = corps_id_at + corps_id_bytes;
constexpr std::size_t epoch_at = env_at + 4;
constexpr std::size_t nonce_at = epoch_at + 4;
static_assert(nonce_at + nonce_bytes == hello_bytes);

Peer peer_in(std::span<std::byte const> introduction) {
  return {get_number<corps::EnvId>(introduction.data() + env_at), get_number<std::uint32_t>(introduction.data() + epoch_at)};
}

bool same_corps(std::span<std::byte const> introduction, Identity const& identity) {
  return std::ranges::equal(introduction.subspan(corps_id_at, corps_id_bytes), identity.corps_id);
}

std::string versions_text(std::uint16_t lowest, std::uint16_t highest) {
  return lowest == highest ? std::to_string(lowest) : std::to_string(lowest) + " to " + std::to_string(highest);
}

}  // namespace

std::string to_string(Peer peer) { return "env " + std::to_string(peer.env) + ", epoch " + std::to_string(peer.epoch); }

Handshake Handshake::client(Identity const& identity, Peer expected, host::Random& random) {
  Handshake handshake(Phase::client_awaits_challenge, identity, expected, random);
  handshake.introduce(handshake.hello_, version_min, version_max);
  handshake.output_.assign(magic.begin(), magic.end());
  handshake.put_frame(FrameKind::hello, handshake.hello_);
  return handshake;
}

Handshake Handshake::server(Identity const& identity, host::Random& random) {
  return Handshake(Phase::server_awaits_hello, identity, Peer{}, random);
}

Handshake::Handshake(Phase phase, Identity const& identity, Peer peer, host::Random& random)
    : identity_(&identity), random_(&random), peer_(peer), reader_(phase, unproved_payload_bytes_max) {}

Handshake::State Handshake::feed(std::span<std::byte const>& bytes) {
  if (state_ != State::going || !take_magic(bytes)) return state_;
  while (state_ == State::going) {
    auto const frame = reader_.next(bytes);
    if (!frame) break;
    on_frame(*frame);
  }
  if (state_ == State::going && !reader_.failure().empty()) fail(std::string(reader_.failure()));
  if (state_ == State::proved && !bytes.empty()) {
    // Nothing was accepted yet, so nothing but a proof may have been sent.
    fail("bytes after the proof, before it was accepted");
    put_refusal(RefuseCode::refused);
  }
  return state_;
}

// Judged byte by byte: a stranger is closed at its first wrong byte, not when it has sent eight.
bool Handshake::take_magic(std::span<std::byte const>& bytes) {
  while (magic_taken_ < magic.size() && !bytes.empty()) {
    if (bytes.front() != magic[magic_taken_]) {
      bool const tls = magic_taken_ == 0 && bytes.front() == tls_handshake_record;
      fail(tls ? "bad magic: the peer speaks TLS, and this Env does not; set net.tls_ca for all Envs of the Corps" : "bad magic");
      return false;
    }
    ++magic_taken_;
    bytes = bytes.subspan(1);
  }
  return magic_taken_ == magic.size();
}

void Handshake::on_frame(Frame const& frame) {
  switch (frame.kind) {
    case FrameKind::hello: return on_hello(frame.payload);
    case FrameKind::challenge: return on_challenge(frame.payload);
    case FrameKind::proof: return on_proof(frame.payload);
    case FrameKind::accept: return on_accept(frame.payload);
    case FrameKind::refuse: return on_refuse(frame.payload);
    case FrameKind::request:
    case FrameKind::answer:
    case FrameKind::error:
    case FrameKind::control:
    case FrameKind::goodbye:
    case FrameKind::resume:
    case FrameKind::acknowledge:
    case FrameKind::fragment:
    case FrameKind::cancel:
    case FrameKind::probe: break;
  }
  fail("unexpected frame: " + kind_text(static_cast<std::uint8_t>(frame.kind)));  // the reader lets none of these through
}

void Handshake::on_hello(Payload payload) {
  output_.assign(magic.begin(), magic.end());
  auto const refuse = [this](RefuseCode code, std::string reason) {
    fail(std::move(reason));
    put_refusal(code);
  };
  if (payload.size() < 4) return refuse(RefuseCode::refused, "hello of " + std::to_string(payload.size()) + " bytes");
  auto const lowest = get_number<std::uint16_t>(payload.data());
  auto const highest = get_number<std::uint16_t>(payload.data() + 2);
  if (lowest > highest) return refuse(RefuseCode::refused, "hello with an empty range of versions");
  if (lowest > version_max || highest < version_min) {
    return refuse(RefuseCode::version, "version mismatch: the peer speaks " + versions_text(lowest, highest) + ", this process " +
                                           versions_text(version_min, version_max));
  }
  if (payload.size() != hello_bytes) {
    return refuse(RefuseCode::refused, "hello of " + std::to_string(payload.size()) + " bytes");
  }
  if (!same_corps(payload, *identity_)) return refuse(RefuseCode::refused, "the peer belongs to another Corps");
  peer_ = peer_in(payload);
  if (peer_.env == identity_->self.env) {
    return refuse(RefuseCode::refused, "the peer claims to be this Env itself (" + to_string(peer_) + ")");
  }
  std::ranges::copy(payload, hello_.begin());
  introduce(challenge_, std::min(highest, version_max), 0);
  put_frame(FrameKind::challenge, challenge_);
  reader_.set_phase(Phase::server_awaits_proof);
}

void Handshake::on_challenge(Payload payload) {
  if (payload.size() != challenge_bytes || get_number<std::uint16_t>(payload.data() + 2) != 0) {
    return fail("challenge of the wrong form");
  }
  auto const version = get_number<std::uint16_t>(payload.data());
  if (version < version_min || version > version_max) {
    return fail("the peer chose version " + std::to_string(version) + ", which was not offered");
  }
  if (!same_corps(payload, *identity_)) return fail("the peer belongs to another Corps");
  if (auto const found = peer_in(payload); found != peer_) {
    return fail("expected " + to_string(peer_) + ", found " + to_string(found));
  }
  std::ranges::copy(payload, challenge_.begin());
  put_frame(FrameKind::proof, proof(client_proves));
  reader_.set_phase(Phase::client_awaits_accept);
}

void Handshake::on_proof(Payload payload) {
  if (!equal_in_constant_time(payload, proof(client_proves))) {
    fail("wrong secret: " + to_string(peer_) + " is claimed, not proved");
    return put_refusal(RefuseCode::refused);
  }
  state_ = State::proved;
}

void Handshake::admit(bool yes) {
  if (state_ != State::proved) return;
  if (yes) {
    put_frame(FrameKind::accept, proof(server_accepts));
    state_ = State::established;
  } else {
    refused_a_duplicate_ = true;
    fail("refused: duplicate of a connection with " + to_string(peer_));
    put_refusal(RefuseCode::duplicate);
  }
}

void Handshake::on_accept(Payload payload) {
  if (!equal_in_constant_time(payload, proof(server_accepts))) {
    return fail("wrong secret: " + to_string(peer_) + " did not prove itself");
  }
  state_ = State::established;
}

void Handshake::on_refuse(Payload payload) {
  if (payload.size() != refuse_bytes) return fail("refusal of the wrong form");
  auto const code = payload.first(2);
  switch (static_cast<RefuseCode>(get_number<std::uint16_t>(code.data()))) {
    case RefuseCode::version:
      return fail("refused: version mismatch: the peer speaks " +
                  versions_text(get_number<std::uint16_t>(payload.data() + 2), get_number<std::uint16_t>(payload.data() + 4)) +
                  ", this process " + versions_text(version_min, version_max));
    case RefuseCode::refused: return fail("refused: the peer is of another Corps, of another boot of it, or has another secret");
    case RefuseCode::duplicate:
      if (!equal_in_constant_time(payload.subspan(8), proof(server_refuses, code))) {
        return fail("refused as a duplicate by a peer that did not prove itself");
      }
      refused_as_duplicate_ = true;
      return fail("refused: duplicate");
  }
  fail("refused with unknown code " + std::to_string(get_number<std::uint16_t>(code.data())));
}

void Handshake::introduce(Introduction& to, std::uint16_t first, std::uint16_t second) {
  put_number(to.data(), first);
  put_number(to.data() + 2, second);
  std::ranges::copy(identity_->corps_id, to.begin() + corps_id_at);
  put_number(to.data() + env_at, identity_->self.env);
  put_number(to.data() + epoch_at, identity_->self.epoch);
  random_->fill(std::span(to).subspan(nonce_at));
}

Digest Handshake::proof(std::string_view role, Payload before) const {
  return hmac_sha256(identity_->secret, {std::as_bytes(std::span(role)), before, hello_, challenge_, channel_});
}

void Handshake::put_frame(FrameKind kind, Payload payload) {
  auto const header = frame_header(kind, payload.size());
  output_.insert(output_.end(), header.begin(), header.end());
  output_.insert(output_.end(), payload.begin(), payload.end());
}

void Handshake::put_refusal(RefuseCode code) {
  std::array<std::byte, refuse_bytes> payload{};
  put_number(payload.data(), static_cast<std::uint16_t>(code));
  put_number(payload.data() + 2, version_min);
  put_number(payload.data() + 4, version_max);
  if (code == RefuseCode::duplicate) {
    auto const digest = proof(server_refuses, std::span<std::byte const>(payload).first(2));
    std::ranges::copy(digest, payload.begin() + 8);
  }
  put_frame(FrameKind::refuse, payload);
}

std::vector<std::byte> Handshake::output() { return std::exchange(output_, {}); }

void Handshake::fail(std::string reason) {
  reason_ = std::move(reason);
  state_ = State::failed;
}

}  // namespace corps::net

#include "env/net/internal/handshake.hpp"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_handshake_test {

using test::Bytes;
using test::bytes_of;
using test::frame_bytes;
using State = Handshake::State;

std::string hex(std::span<std::byte const> bytes) {
  std::string text;
  for (auto const byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

Identity identity(corps::EnvId env, std::uint32_t epoch = 1) {
  Identity made;
  made.corps_id.fill(std::byte{0xc0});
  made.secret.fill(std::byte{0x5e});
  made.self = {env, epoch};
  return made;
}

State feed(Handshake& to, Bytes const& bytes) {
  std::span<std::byte const> rest = bytes;
  return to.feed(rest);
}

// Both sides of one handshake; env 1 dials env 0.
struct Pair {
  explicit Pair(std::uint64_t seed = 1, Identity client_is = identity(1), Identity server_is = identity(0),
                Peer expected = {0, 1})
      : client_identity(client_is),
        server_identity(server_is),
        random(seed),
        client(Handshake::client(client_identity, expected, random)),
        server(Handshake::server(server_identity, random)) {}

  // Carries bytes both ways until neither side has more to say.
  void run(bool admit = true) {
    for (;;) {
      auto const to_server = client.output();
      sent_by_client.push_back(to_server);
      if (feed(server, to_server) == State::proved) server.admit(admit);
      auto const to_client = server.output();
      sent_by_server.push_back(to_client);
      feed(client, to_client);
      if (to_server.empty() && to_client.empty()) break;
    }
  }

  Identity client_identity;
  Identity server_identity;
  host::SeededRandom random;
  Handshake client;
  Handshake server;
  std::vector<Bytes> sent_by_client;
  std::vector<Bytes> sent_by_server;
};

TEST_CASE("hmac: the vectors of RFC 4231") {
  auto const repeated = [](std::size_t count, unsigned char value) { return Bytes(count, std::byte{value}); };
  CHECK(hex(hmac_sha256(repeated(20, 0x0b), {test::view("Hi There")})) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha256(test::view("Jefe"), {test::view("what do ya want "), {}, test::view("for nothing?")})) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(repeated(20, 0xaa), {repeated(50, 0xdd)})) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hex(hmac_sha256(repeated(131, 0xaa), {test::view("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("handshake: two Envs of one Corps prove themselves to each other") {
  Pair pair;
  pair.run();
  CHECK(pair.client.state() == State::established);
  CHECK(pair.server.state() == State::established);
  CHECK(pair.client.peer() == Peer{0, 1});
  CHECK(pair.server.peer() == Peer{1, 1});
  // The sizes of wire.md.
  CHECK(pair.sent_by_client[0].size() == 8 + 8 + 60);
  CHECK(pair.sent_by_server[0].size() == 8 + 8 + 60);
  CHECK(pair.sent_by_client[1].size() == 8 + 32);
  CHECK(pair.sent_by_server[1].size() == 8 + 32);
  CHECK(hex(pair.sent_by_client[0])
            .starts_with("89434f5250530d0a"
                         "3c000000"
                         "10"
                         "00"
                         "0000"
                         "0900"
                         "0900"
                         "c0c0"));
}

TEST_CASE("handshake: the secret is in nothing that is sent") {
  Pair pair;
  pair.run();
  std::string all;
  for (auto const& bytes : pair.sent_by_client) all += hex(bytes);
  for (auto const& bytes : pair.sent_by_server) all += hex(bytes);
  CHECK(all.find("5e5e5e5e") == std::string::npos);
}

TEST_CASE("handshake: one byte at a time, and frames behind the accept are left for the connection") {
  Pair pair;
  auto const hello = pair.client.output();
  for (auto const byte : hello) CHECK(feed(pair.server, Bytes{byte}) == State::going);
  for (auto const byte : pair.server.output()) feed(pair.client, Bytes{byte});
  feed(pair.server, pair.client.output());
  pair.server.admit(true);
  auto last = pair.server.output();
  auto const frame = frame_bytes(FrameKind::request, bytes_of("early"));
  last.insert(last.end(), frame.begin(), frame.end());
  std::span<std::byte const> rest = last;
  CHECK(pair.client.feed(rest) == State::established);
  CHECK(Bytes(rest.begin(), rest.end()) == frame);
}

TEST_CASE("handshake: a flipped bit anywhere ends it") {
  Pair recorded;
  recorded.run();
  for (std::size_t message = 0; message < 2; ++message) {
    for (std::size_t at = 0; at < recorded.sent_by_client[message].size(); ++at) {
      for (unsigned const bit : {0U, 7U}) {
        CAPTURE(message);
        CAPTURE(at);
        Pair pair;
        for (std::size_t i = 0; i <= message; ++i) {
          auto to_server = pair.client.output();
          if (i == message) to_server.at(at) ^= std::byte{static_cast<unsigned char>(1U << bit)};
          feed(pair.server, to_server);
          feed(pair.client, pair.server.output());
        }
        // A changed length leaves the server waiting for more; a changed hello is found with the proof.
        feed(pair.server, pair.client.output());
        CHECK(pair.server.state() != State::proved);
        CHECK(pair.server.state() != State::established);
        CHECK(pair.client.state() != State::established);
      }
    }
  }
  for (std::size_t message = 0; message < 2; ++message) {
    for (std::size_t at = 0; at < recorded.sent_by_server[message].size(); ++at) {
      CAPTURE(message);
      CAPTURE(at);
      Pair pair;
      for (std::size_t i = 0; i <= message; ++i) {
        if (feed(pair.server, pair.client.output()) == State::proved) pair.server.admit(true);
        auto to_client = pair.server.output();
        if (i == message) to_client.at(at) ^= std::byte{0x10};
        feed(pair.client, to_client);
      }
      auto const answer = pair.client.output();
      CHECK(pair.client.state() != State::established);
      feed(pair.server, answer);
      CHECK((message == 1 || pair.server.state() != State::proved));
    }
  }
}

TEST_CASE("handshake: bytes that are no Corps get no answer") {
  std::string const texts[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                               std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), std::string(64, '\0'),
                               "\x89PNG\r\n\x1a\n"};
  for (auto const& text : texts) {
    CAPTURE(text);
    Pair pair;
    CHECK(feed(pair.server, bytes_of(text)) == State::failed);
    CHECK(pair.server.reason().starts_with("bad magic"));
    CHECK((pair.server.reason() != "bad magic") == text.starts_with('\x16'));  // of TLS more is said
    CHECK(pair.server.output().empty());
    static_cast<void>(pair.client.output());
    CHECK(feed(pair.client, bytes_of(text)) == State::failed);
    CHECK(pair.client.reason().starts_with("bad magic"));
    CHECK(pair.client.output().empty());
  }
}

TEST_CASE("handshake: the server is silent until the magic is right, to the byte") {
  Pair pair;
  auto const hello = pair.client.output();
  for (std::size_t count = 0; count < hello.size(); ++count) {
    auto server = Handshake::server(pair.server_identity, pair.random);
    CHECK(feed(server, Bytes(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(count))) == State::going);
    CHECK(server.output().empty());
  }
}

TEST_CASE("handshake: another secret") {
  auto stranger = identity(1);
  stranger.secret[31] ^= std::byte{1};
  Pair pair(1, stranger);
  pair.run();
  CHECK(pair.server.state() == State::failed);
  CHECK(pair.server.reason() == "wrong secret: env 1, epoch 1 is claimed, not proved");
  CHECK(pair.client.state() == State::failed);
  CHECK(pair.client.reason() == "refused: the peer is of another Corps, of another boot of it, or has another secret");
}

TEST_CASE("handshake: a server without the secret is found out by the client") {
  Pair pair;
  auto const hello = pair.client.output();
  feed(pair.server, hello);
  feed(pair.client, pair.server.output());
  static_cast<void>(pair.client.output());
  CHECK(feed(pair.client, frame_bytes(FrameKind::accept, Bytes(32))) == State::failed);
  CHECK(pair.client.reason() == "wrong secret: env 0, epoch 1 did not prove itself");
}

TEST_CASE("handshake: a proof is worth nothing when sent back, or again") {
  Pair first;
  first.run();
  SUBCASE("the client's own proof as the server's") {
    Pair pair;
    feed(pair.server, pair.client.output());
    feed(pair.client, pair.server.output());
    auto proof = pair.client.output();
    proof[4] = static_cast<std::byte>(FrameKind::accept);
    CHECK(feed(pair.client, proof) == State::failed);
  }
  SUBCASE("a recorded client") {
    host::SeededRandom other(2);
    auto server = Handshake::server(first.server_identity, other);
    CHECK(feed(server, first.sent_by_client[0]) == State::going);
    CHECK(feed(server, first.sent_by_client[1]) == State::failed);
    CHECK(server.reason() == "wrong secret: env 1, epoch 1 is claimed, not proved");
  }
  SUBCASE("a recorded server") {
    host::SeededRandom other(2);
    auto client = Handshake::client(first.client_identity, {0, 1}, other);
    CHECK(feed(client, first.sent_by_server[0]) == State::going);
    CHECK(feed(client, first.sent_by_server[1]) == State::failed);
    CHECK(client.reason() == "wrong secret: env 0, epoch 1 did not prove itself");
  }
}

TEST_CASE("handshake: another Corps") {
  auto other = identity(1);
  other.corps_id[0] = std::byte{1};
  Pair pair(1, other);
  pair.run();
  CHECK(pair.server.reason() == "the peer belongs to another Corps");
  CHECK(pair.client.reason() == "refused: the peer is of another Corps, of another boot of it, or has another secret");
  // It was told nothing but the code: magic and a refusal.
  CHECK(pair.sent_by_server[0].size() == 8 + 8 + 40);
}

TEST_CASE("handshake: whoever answers must be the Env that was dialled") {
  Pair env(1, identity(1), identity(4), {3, 1});
  env.run();
  CHECK(env.client.reason() == "expected env 3, epoch 1, found env 4, epoch 1");
  CHECK(env.server.state() == State::going);  // the client closes
  Pair epoch(1, identity(1), identity(3, 2), {3, 1});
  epoch.run();
  CHECK(epoch.client.reason() == "expected env 3, epoch 1, found env 3, epoch 2");
}

TEST_CASE("handshake: nobody else is this Env") {
  Pair pair(1, identity(0, 2), identity(0, 1));
  pair.run();
  CHECK(pair.server.reason() == "the peer claims to be this Env itself (env 0, epoch 2)");
  CHECK(pair.client.state() == State::failed);
}

TEST_CASE("handshake: versions") {
  struct Case {
    std::uint16_t lowest, highest;
    std::string reason;
  };
  auto const ours = std::to_string(version_max);
  constexpr std::uint16_t later = version_max + 1;
  auto const mismatch = "version mismatch: the peer speaks " + std::to_string(later) + " to " + std::to_string(later + 1) +
                        ", this process " + ours;
  for (auto const& [lowest, highest, reason] :
       {Case{later, later + 1, mismatch}, Case{1, 1, "version mismatch: the peer speaks 1, this process " + ours},
        Case{6, 1, "hello with an empty range of versions"}}) {
    Pair pair;
    auto hello = pair.client.output();
    put_number(hello.data() + 16, lowest);
    put_number(hello.data() + 18, highest);
    CHECK(feed(pair.server, hello) == State::failed);
    CHECK(pair.server.reason() == reason);
    CHECK(feed(pair.client, pair.server.output()) == State::failed);
    CHECK(pair.client.reason().starts_with("refused: "));
  }
  SUBCASE("the hello of a later version may be longer") {
    Pair pair;
    Bytes hello(magic.begin(), magic.end());
    Bytes payload(100);
    put_number(payload.data(), later);
    put_number(payload.data() + 2, static_cast<std::uint16_t>(later + 1));
    auto const frame = frame_bytes(FrameKind::hello, payload);
    hello.insert(hello.end(), frame.begin(), frame.end());
    CHECK(feed(pair.server, hello) == State::failed);
    CHECK(pair.server.reason() == mismatch);
    CHECK(feed(pair.client, pair.server.output()) == State::failed);
    CHECK(pair.client.reason() == "refused: version mismatch: the peer speaks " + ours + ", this process " + ours);
  }
  SUBCASE("a server cannot choose what was not offered") {
    Pair pair;
    feed(pair.server, pair.client.output());
    auto challenge = pair.server.output();
    put_number(challenge.data() + 16, later);
    CHECK(feed(pair.client, challenge) == State::failed);
    CHECK(pair.client.reason() == "the peer chose version " + std::to_string(later) + ", which was not offered");
  }
}

TEST_CASE("handshake: a duplicate is refused, with proof") {
  Pair pair;
  pair.run(false);
  CHECK(pair.server.state() == State::failed);
  CHECK(pair.server.refused_a_duplicate());
  CHECK(pair.client.refused_as_duplicate());
  CHECK(pair.client.reason() == "refused: duplicate");

  Pair forged;
  feed(forged.server, forged.client.output());
  feed(forged.client, forged.server.output());
  Bytes refusal(refuse_bytes);
  put_number(refusal.data(), static_cast<std::uint16_t>(RefuseCode::duplicate));
  CHECK(feed(forged.client, frame_bytes(FrameKind::refuse, refusal)) == State::failed);
  CHECK_FALSE(forged.client.refused_as_duplicate());
  CHECK(forged.client.reason() == "refused as a duplicate by a peer that did not prove itself");
}

TEST_CASE("handshake: payloads of the wrong size") {
  for (std::size_t const size : {0U, 1U, 3U, 4U, 59U, 61U, 4096U}) {
    CAPTURE(size);
    Pair pair;
    Bytes payload(size);
    if (size >= 4) {
      put_number(payload.data(), version_min);
      put_number(payload.data() + 2, version_max);
    }
    Bytes hello(magic.begin(), magic.end());
    auto const frame = frame_bytes(FrameKind::hello, payload);
    hello.insert(hello.end(), frame.begin(), frame.end());
    CHECK(feed(pair.server, hello) == State::failed);
    CHECK(pair.server.reason() == "hello of " + std::to_string(size) + " bytes");

    Bytes challenge(magic.begin(), magic.end());
    auto const challenge_frame = frame_bytes(FrameKind::challenge, payload);
    if (size != challenge_bytes) {
      challenge.insert(challenge.end(), challenge_frame.begin(), challenge_frame.end());
      CHECK(feed(pair.client, challenge) == State::failed);
      CHECK(pair.client.reason() == "challenge of the wrong form");
    }
  }
  for (std::size_t const size : {0U, 31U, 33U}) {
    Pair pair;
    feed(pair.server, pair.client.output());
    CHECK(feed(pair.server, frame_bytes(FrameKind::proof, Bytes(size))) == State::failed);
    CHECK(pair.server.reason().starts_with("wrong secret"));
  }
}

TEST_CASE("handshake: frames of an open connection are not taken before it is one") {
  for (auto const kind : {FrameKind::request, FrameKind::answer, FrameKind::error, FrameKind::control, FrameKind::goodbye}) {
    Pair before_hello;
    Bytes bytes(magic.begin(), magic.end());
    auto const frame = frame_bytes(kind, bytes_of("run this"));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    CHECK(feed(before_hello.server, bytes) == State::failed);
    CHECK(before_hello.server.reason() == "unexpected frame: " + kind_text(static_cast<std::uint8_t>(kind)));
    CHECK(before_hello.server.output().empty());

    Pair before_proof;
    feed(before_proof.server, before_proof.client.output());
    CHECK(feed(before_proof.server, frame) == State::failed);

    Pair with_proof;
    feed(with_proof.server, with_proof.client.output());
    feed(with_proof.client, with_proof.server.output());
    auto proof = with_proof.client.output();
    proof.insert(proof.end(), frame.begin(), frame.end());
    CHECK(feed(with_proof.server, proof) == State::failed);
    CHECK(with_proof.server.reason() == "bytes after the proof, before it was accepted");
  }
}

}  // namespace net_handshake_test
}  // namespace corps::net

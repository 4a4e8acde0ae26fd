// Shared memory as the way of a link: who gives what in the handshake, and what becomes of a peer that gives something else.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstring>

#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_shm_carrier_test {

using test::bytes_of;
using test::identity_of;
using test::Node;
using test::RawSocket;
using test::SendResult;
using test::view;

NetSettings with(ShmUse use) {
  NetSettings settings;
  settings.shm = use;
  return settings;
}

void check_echo(Node& server, Node& client, std::string const& text) {
  server.answers = true;
  auto const to_server = client.opened();
  REQUIRE(to_server);
  REQUIRE(to_server->send(FrameKind::request, view(text)) == SendResult::sent);
  REQUIRE(client.wait([&] { return !client.frames.empty(); }));
  CHECK(client.frames[0].payload == text);
}

TEST_CASE("shm carrier: both sides require it, and frames of any size cross") {
  for (std::size_t const size :
       {std::size_t{0}, std::size_t{1}, shm_ring_bytes - header_bytes, shm_ring_bytes, 20 * shm_ring_bytes}) {
    Node server(identity_of(0), with(ShmUse::required));
    Node client(identity_of(1), with(ShmUse::required));
    client.network.dial(server.self(), {server.listen()});
    check_echo(server, client, std::string(size, 'x'));
  }
}

TEST_CASE("shm carrier: one side without goes on over the socket; one that requires it does not") {
  for (bool const at_server : {false, true}) {
    Node server(identity_of(0), with(at_server ? ShmUse::never : ShmUse::preferred));
    Node client(identity_of(1), with(at_server ? ShmUse::preferred : ShmUse::never));
    client.network.dial(server.self(), {server.listen()});
    check_echo(server, client, "over the socket");
  }
  Node server(identity_of(0), with(ShmUse::never));
  Node client(identity_of(1), with(ShmUse::required));
  client.network.dial(server.self(), {server.listen()});
  REQUIRE(client.wait([&] { return !client.failed_dials.empty(); }));
  CHECK(client.failed_dials[0].reason.find("no shared memory: the peer gives none") != std::string::npos);
}

TEST_CASE("shm carrier: what is under way when a side closes in order arrives") {
  Node server(identity_of(0), with(ShmUse::required));
  Node client(identity_of(1), with(ShmUse::required));
  client.network.dial(server.self(), {server.listen()});
  auto const to_server = client.opened();
  REQUIRE(to_server);
  std::string const text(10'000, 'x');
  for (int i = 0; i < 100; ++i) REQUIRE(to_server->send(FrameKind::request, view(text)) == SendResult::sent);
  to_server->flush_and_close("done");
  REQUIRE(server.wait([&] { return !server.closed.empty(); }));
  CHECK(server.frames.size() == 100);
  CHECK(server.closed[0].second == "peer said goodbye: done");
}

/// A peer with the secret and its own idea of what to give with its proof.
struct Rogue {
  explicit Rogue(Node& server) : endpoint(server.listen()), socket(endpoint), server_peer(server.self()) {}

  /// False: the server did not accept.
  bool prove(std::vector<int> const& fds) {
    auto const identity = identity_of(1);
    auto client = Handshake::client(identity, server_peer, host::Random::system());
    bool first = true;
    for (;;) {
      auto const bytes = client.output();
      if (!bytes.empty() && !(first ? socket.send(bytes) : send_with(bytes, fds))) return false;
      first = false;
      if (client.state() == Handshake::State::established) return true;
      auto const got = receive_byte();
      std::span<std::byte const> rest = got;
      if (got.empty() || client.feed(rest) == Handshake::State::failed) return false;
    }
  }
  bool send_with(std::span<std::byte const> bytes, std::vector<int> const& fds) const {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr const header{CMSG_LEN(fds.size() * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
      std::memcpy(control.data(), &header, sizeof(header));
      std::memcpy(control.data() + CMSG_LEN(0), fds.data(), fds.size() * sizeof(int));
    }
    return ::sendmsg(socket.fd(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  /// One byte, and the server's half if it comes with it.
  test::Bytes receive_byte() {
    test::Bytes byte(1);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(shm_descriptors * sizeof(int))> control{};
    iovec part{byte.data(), 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket.fd(), &message, MSG_CMSG_CLOEXEC) != 1) return {};
    if (auto* const header = CMSG_FIRSTHDR(&message); header != nullptr) {
      for (std::size_t i = 0; i < shm_descriptors; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
        of_server[i].reset(fd);
      }
    }
    return byte;
  }

  Endpoint endpoint;
  RawSocket socket;
  Peer server_peer;
  ShmDescriptors of_server;
};

std::string line_of(Node& server) {
  server.wait([&] { return !server.lines.empty(); });
  std::lock_guard const lock(server.mutex);
  return server.lines.empty() ? "no line" : server.lines.front();
}

TEST_CASE("shm carrier: a peer that gives other descriptors is not let in, and the next one is") {
  host::UniqueFd const unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(unsealed.get(), static_cast<off_t>(shm_side_bytes + shm_ring_bytes)) == 0);
  host::UniqueFd const bell(::eventfd(0, EFD_CLOEXEC));
  std::string why;
  auto good = OwnSide::make(why);
  REQUIRE_MESSAGE(good, why);
  int const memory = good->fd().get();
  struct Case {
    std::vector<int> fds;
    std::string said;
  };
  std::vector<Case> const cases{{{unsealed.get(), bell.get()}, "the peer's memory file is not sealed"},
                                {{bell.get(), memory}, "the peer's descriptor is no memory file"},
                                {{memory, memory}, "the peer's doorbell is no eventfd"},
                                {{memory}, "descriptors came that no Env sends"},
                                {{memory, bell.get(), bell.get()}, "descriptors came that no Env sends"},
                                {{memory, bell.get(), bell.get(), bell.get(), bell.get()}, "descriptors came that no Env sends"}};
  for (auto const& each : cases) {
    CAPTURE(each.said);
    Node server(identity_of(0));
    Rogue rogue(server);
    CHECK_FALSE(rogue.prove(each.fds));
    CHECK(line_of(server).find(each.said) != std::string::npos);
    Node client(identity_of(1));
    client.network.dial(server.self(), {rogue.endpoint});
    check_echo(server, client, "let in");
  }
}

TEST_CASE("shm carrier: a peer that breaks the rules afterwards ends its own link") {
  Node server(identity_of(0));
  Rogue rogue(server);
  std::string why;
  auto link = ShmLink::make(why);
  REQUIRE_MESSAGE(link, why);
  auto side = OwnSide::make(why);  // of which the test keeps the pen
  REQUIRE_MESSAGE(side, why);
  REQUIRE(rogue.prove({side->fd().get(), link->offer()[1]}));
  REQUIRE(rogue.of_server[1]);
  REQUIRE(server.opened());
  auto const ring_bell = [&] { REQUIRE(::eventfd_write(rogue.of_server[1].get(), 1) == 0); };
  auto const all_of = [](std::span<std::byte const> bytes) {
    return Written{static_cast<std::uint32_t>(bytes.size()), crc32c(crc32c_of_nothing, bytes)}.packed();
  };
  std::string said;
  auto ending = Ending::final;
  SUBCASE("an index that cannot be") {
    side->side().written = 1'000'000;
    ring_bell();
    said = "the peer's write index in shared memory is out of range";
  }
  SUBCASE("an illegal frame") {
    auto const frame = test::frame_bytes(4, 99, bytes_of("what"));
    std::memcpy(side->ring().data(), frame.data(), frame.size());
    side->side().written = all_of(frame);
    ring_bell();
    said = "unexpected frame: kind 99";
  }
  SUBCASE("other bytes than were written") {
    auto const frame = test::frame_bytes(FrameKind::request, bytes_of("what"));
    std::ranges::copy(frame, side->ring().begin());
    side->side().written = all_of(frame);
    side->ring()[frame.size() - 1] ^= std::byte{1};
    ring_bell();
    said = "the checksum of what the peer wrote into shared memory is wrong";
    ending = Ending::cut;
  }
  SUBCASE("bytes in the socket") {
    REQUIRE(rogue.socket.send(bytes_of("x")));
    said = "bytes beside the shared memory";
  }
  SUBCASE("more taken than was written") {
    side->side().taken = 7;
    server.opened()->send(FrameKind::request, view(std::string(2 * shm_ring_bytes, 'x')));
    said = "the peer's read index in shared memory is out of range";
  }
  SUBCASE("its end in the middle of a frame") {
    side->ring()[0] = std::byte{9};
    side->side().written = all_of(side->ring().first(3));
    rogue.socket.close();
    said = "connection closed by peer in the middle of a frame";
    ending = Ending::cut;
  }
  REQUIRE(server.wait([&] { return !server.closed.empty(); }));
  CHECK(server.closed[0].second == said);
  CHECK(server.endings[0] == ending);
}

}  // namespace net_shm_carrier_test
}  // namespace corps::net

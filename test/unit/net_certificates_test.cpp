#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "corps/error.hpp"
#include "test/unit/tls_site.hpp"

namespace corps::net {
namespace net_certificates_test {

using namespace std::chrono_literals;
using test::Authority;
using test::dial_failure;
using test::has;
using test::identity_of;
using test::line_of;
using test::listen;
using test::Node;
using test::Pem;
using test::raw_client;
using test::RawServer;
using test::SendResult;
using test::Site;
using test::view;

constexpr long day = 86'400;

struct Bad {
  std::string name;
  Pem own;
  std::string told;   // in the log of the side that refuses
  std::string alert;  // at the side that is refused
};

std::vector<Bad> bad_certificates(Site& site, std::string const& usage_of_other_side) {
  static Authority const other("another CA");
  return {
      {"self-signed", Authority::self_signed({.name = "self"}),
       "TLS: the peer's certificate CN=self: is self-signed, and not in net.tls_ca; have it signed by a CA that is",
       "unknown ca"},
      {"of another CA", other.issue({.name = "foreign"}),
       "TLS: the peer's certificate CN=foreign: is not signed by a CA of net.tls_ca; have it signed by one", "unknown ca"},
      {"expired", site.ca.issue({.name = "old", .from_s = -2 * day, .until_s = -day}),
       "TLS: the peer's certificate CN=old: expired on 20", "certificate expired"},
      {"not yet valid", site.ca.issue({.name = "young", .from_s = day, .until_s = 2 * day}),
       "TLS: the peer's certificate CN=young: is not valid before 20", "bad certificate"},
      {"for another purpose", site.ca.issue({.name = "half", .usage = usage_of_other_side}),
       "TLS: the peer's certificate CN=half: is not for both sides of TLS", "unsupported certificate"},
  };
}

TEST_CASE("tls: a server refuses bad certificates, says why, and serves on") {
  Site site;
  Node server(identity_of(0), site.settings());
  auto const endpoint = listen(server);
  auto bad = bad_certificates(site, "serverAuth");
  bad.push_back({"none", {}, "TLS: the peer showed no certificate; set its net.tls_certificate", "certificate required"});
  for (auto const& each : bad) {
    CAPTURE(each.name);
    auto client = raw_client(endpoint, {.own = each.own});
    CHECK(client.shake_hands());    // a client is done before the server has seen its certificate
    CHECK(client.read(1).empty());  // and hears nothing from it but that
    CHECK(has(client.error(), each.alert));
    CHECK(has(line_of(server), each.told));
    CHECK(server.lines[0].starts_with("closed a connection of 127.0.0.1:"));
    std::lock_guard const lock(server.mutex);
    server.lines.clear();
  }
  CHECK(server.connections.empty());
  Node good(identity_of(1), site.settings());
  good.network.dial({0, 1}, {endpoint});
  CHECK(good.opened());
}

TEST_CASE("tls: a client refuses bad certificates and says why") {
  Site site;
  Node client(identity_of(1), site.settings());
  for (auto const& each : bad_certificates(site, "clientAuth")) {
    CAPTURE(each.name);
    RawServer server({.own = each.own});
    client.network.dial({0, 1}, {server.endpoint()});
    CHECK(has(dial_failure(client), server.endpoint().text + ": " + each.told));
    CHECK(has(server.error(), each.alert));
    std::lock_guard const lock(client.mutex);
    client.failed_dials.clear();
  }
  CHECK(client.connections.empty());
}

TEST_CASE("tls: an Env whose certificate is refused learns it") {
  Site site;
  Authority const other("another CA");
  SUBCASE("it dialled") {
    RawServer server({.own = site.ca.issue({}), .ca = other.pem()});
    Node client(identity_of(1), site.settings());
    client.network.dial({0, 1}, {server.endpoint()});
    CHECK(has(dial_failure(client),
              "TLS: the peer refused the certificate of this Env (net.tls_certificate): its CA is not in net.tls_ca "
              "of the peer; add it there, or use another certificate"));
  }
  SUBCASE("it was dialled") {
    Node server(identity_of(0), site.settings());
    CHECK_FALSE(raw_client(listen(server), {.own = site.ca.issue({}), .ca = other.pem()}).shake_hands());
    CHECK(has(line_of(server),
              "TLS: the peer refused the certificate of this Env (net.tls_certificate): its CA is not in net.tls_ca"));
  }
}

/// As one who renews certificates does it: each file is whole at every moment.
void put_in_place(test::Folder const& folder, std::string const& path, std::string const& text) {
  std::filesystem::rename(folder.write("new", text), path);
}

TEST_CASE("tls: renewed files are used for the next connection, and those that are up stay") {
  Site site;
  auto const files = test::settings_of(site.folder, site.ca.pem(), site.ca.issue({}));
  NetSettings settings;
  settings.handshake_limit = 10s;
  settings.tls = std::make_shared<TlsContext>(files);
  Node server(identity_of(0), settings);
  server.answers = true;
  auto const endpoint = listen(server);
  Node first(identity_of(1), site.settings());
  first.network.dial({0, 1}, {endpoint});
  auto const before = first.opened();
  REQUIRE(before);

  Authority const next("the next CA");
  auto const renewed = next.issue({.name = "renewed"});
  put_in_place(site.folder, files.certificate, renewed.certificate);  // the key does not fit yet
  Node second(identity_of(2), site.settings());
  second.network.dial({0, 1}, {endpoint});
  REQUIRE(second.opened());
  CHECK(has(line_of(server), "net.tls_key: " + files.key + ": is not the key of the certificate CN=renewed"));
  CHECK(server.lines[0].ends_with("; until then the certificate that was read before stays in use"));

  put_in_place(site.folder, files.key, renewed.key);
  put_in_place(site.folder, files.ca, next.pem());
  Node third(identity_of(3), site.settings(next.issue({}), next.pem()));
  third.network.dial({0, 1}, {endpoint});
  REQUIRE(third.opened());
  Node late(identity_of(4), site.settings());
  late.network.dial({0, 1}, {endpoint});
  CHECK(has(dial_failure(late), "CN=renewed: is not signed by a CA of net.tls_ca"));

  CHECK(before->send(FrameKind::request, view("still here")) == SendResult::sent);
  CHECK(first.wait([&] { return !first.frames.empty(); }));
}

TEST_CASE("tls: a certificate that expires soon is told of in time") {
  Site site;
  Node soon(identity_of(0), site.settings(site.ca.issue({.name = "host1", .until_s = 13 * day}), site.ca.pem()));
  CHECK(has(line_of(soon), ": certificate CN=host1: expires on 20"));
  CHECK(has(soon.lines[0], "put a new one and its key in place of the files: no restart is needed"));
}

// --- who has a certificate has not proved the secret ---------------------------------------------------------------

TEST_CASE("tls: what is wrong with the files is said before anything is done with them") {
  Site site;
  auto const good = test::settings_of(site.folder, site.ca.pem(), site.ca.issue({.name = "host1"}));
  auto const error = [&](auto const& change) {
    auto files = good;
    change(files);
    try {
      TlsContext const context(files);
    } catch (ConfigError const& failure) {
      return failure.text();
    }
    return std::string{"no error"};
  };
  auto const with = [&](std::string TlsSettings::*which, std::string_view text, mode_t mode = 0600) {
    return error([&](TlsSettings& files) { files.*which = site.folder.write("bad", text, mode); });
  };
  auto const own = [&](Pem const& pem) {
    return error([&](TlsSettings& files) { files = test::settings_of(site.folder, site.ca.pem(), pem); });
  };
  CHECK(error([](TlsSettings&) {}) == "no error");
  auto const missing = error([](TlsSettings& files) { files.key += "x"; });
  CHECK(missing == "net.tls_key: " + good.key +
                       "x: cannot be read: No such file or directory; set net.tls_key to a PEM file that this user may read");
  CHECK(has(error([](TlsSettings& files) { files.ca = "/proc"; }), "net.tls_ca: /proc: is no regular file"));
  CHECK(has(with(&TlsSettings::ca, ""), "holds no certificate; set a PEM file with BEGIN CERTIFICATE in it"));
  CHECK(has(with(&TlsSettings::ca, site.ca.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "holds a certificate that cannot be read"));
  CHECK(has(with(&TlsSettings::certificate, site.ca.issue({}).key), "net.tls_certificate: "));
  CHECK(has(with(&TlsSettings::key, "garbage"), "holds no private key"));
  CHECK(has(with(&TlsSettings::key, site.ca.issue({}).key),
            "is not the key of the certificate CN=host1 in net.tls_certificate (" + good.certificate + ")"));
  CHECK(has(with(&TlsSettings::key, site.ca.issue({}).key, 0644),
            "may be used by every user of this host (mode 0644); take that right away (chmod o= "));
  CHECK(has(with(&TlsSettings::ca, std::string((1 << 20) + 1, '\n')), "is larger than 1 MiB"));
  CHECK(has(own(Authority::self_signed({.name = "self"})), "CN=self: is self-signed, and not in net.tls_ca"));
  CHECK(has(own(Authority("other").issue({.name = "foreign"})), "CN=foreign: is not signed by a CA of net.tls_ca"));
  CHECK(has(own(site.ca.issue({.name = "old", .from_s = -2 * day, .until_s = -day})), "CN=old: expired on 20"));
  CHECK(has(own(site.ca.issue({.name = "young", .from_s = day, .until_s = 2 * day})), "CN=young: is not valid before 20"));
  CHECK(has(own(site.ca.issue({.name = "half", .usage = "clientAuth"})), "CN=half: is not for both sides of TLS"));
  CHECK(own(site.ca.issue({.name = "both", .usage = "serverAuth,clientAuth"})) == "no error");
}

}  // namespace net_certificates_test
}  // namespace corps::net

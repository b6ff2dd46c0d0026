// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "net/client_socket.h"
#include "net/http_client.h"
#include "net/server_test_kit.h"
#include "net/socket.h"
#include "net/stream_client.h"
#include "net/tls_identity.h"
#include "net/tls_test_kit.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::make_pair;
using testing::RawClient;
using testing::status_of;
using testing::TemporaryFolder;
using testing::TestServer;
using testing::write_file;
using testing::write_pair;

HttpServerOptions secure(HttpServerTimes times = {}) {
  return {.tls = testing::common_identity(), .times = times};
}

HttpClientOptions trusting(const std::string& ca_file) {
  return {.timeout = kPatience, .ca_file = ca_file};
}

HttpClientOptions trusting() {
  return trusting(testing::common_identity().certificate);
}

std::string url_of(const TestServer& server, std::string_view path = "/echo") {
  return fmt::format("https://localhost:{}{}", server.port(), path);
}

/// A client that uses OpenSSL as it comes, to do what ours would not.
class OddClient {
 public:
  explicit OddClient(std::uint16_t port, int highest = 0)
      : socket_(port, 0, false), context_(::SSL_CTX_new(::TLS_client_method())) {
    // Its writes know no MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    set_option(socket_.fd(), IPPROTO_TCP, TCP_NODELAY);
    ::SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), 0);
    SSL_CTX_set_max_proto_version(context_.get(), highest);
  }
  ~OddClient() { ::ERR_clear_error(); }
  OddClient(const OddClient&) = delete;
  OddClient& operator=(const OddClient&) = delete;

  [[nodiscard]] SSL_CTX* context() { return context_.get(); }
  [[nodiscard]] SSL* session() { return session_.get(); }

  bool shake_hands() {
    if (session_ == nullptr) {
      session_.reset(::SSL_new(context_.get()));
      ::SSL_set_fd(session_.get(), socket_.fd());
    }
    return ::SSL_connect(session_.get()) == 1;
  }
  bool send(std::string_view bytes) {
    return ::SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  /// Until something that ends like that came, or the end.
  std::string read_until(std::string_view text) {
    std::string out;
    std::array<char, 4096> piece{};
    while (!out.ends_with(text)) {
      const int got = ::SSL_read(session_.get(), piece.data(), piece.size());
      if (got <= 0) break;
      out.append(piece.data(), static_cast<std::size_t>(got));
    }
    return out;
  }

 private:
  RawClient socket_;
  TlsContext context_;
  TlsSession session_;
};

TEST(Tls, CarriesRequestsOfAnySize) {
  const TestServer server(secure());
  const auto who = http_get(url_of(server, "/who"), trusting());
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->body, "? local secure");
  const auto big = http_get(url_of(server, "/big"), trusting());
  ASSERT_TRUE(big) << big.error().message;
  EXPECT_EQ(big->body, std::string(server.app.big_bytes, 'x'));

  RawClient client(server.port(), 0, true);
  const std::string body(700'000, 'b');
  client.send(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                          body.size(), body));
  EXPECT_THAT(client.read_response(), EndsWith("|" + body));
}

TEST(Tls, CarriesStreams) {
  TestServer server(secure());
  auto client =
      StreamClient::connect(fmt::format("wss://127.0.0.1:{}/stream", server.port()), trusting());
  ASSERT_TRUE(client) << client.error().message;
  for (const std::size_t size : {1, 125, 126, 15'000}) {
    ASSERT_TRUE((*client)->send(std::string(size, 'x')));
    const auto echoed = (*client)->next(kPatience);
    ASSERT_TRUE(echoed) << echoed.error().message;
    EXPECT_EQ(*echoed, std::string(size, 'x'));
  }
  server.server->stop(kPatience);
  const auto end = (*client)->next(kPatience);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_FALSE(end->has_value());
}

TEST(Tls, SlowReadersGetEveryByteInOrder) {
  const TestServer server(secure());
  RawClient slow(server.port(), 4096, true);
  ASSERT_TRUE(slow.upgrade());
  // More than the kernel takes: the rest waits in a record that was begun.
  server.on_thread([&] {
    for (int i = 0; i < 100; ++i) {
      server.app.peers.front()->send(
          frame_text(std::string(60'000, static_cast<char>('a' + i % 26))));
    }
    server.app.peers.front()->answer("last");
  });
  int whole = 0;
  for (;;) {
    const auto frame = slow.read_frame();
    ASSERT_EQ(frame.opcode, 1U);
    if (frame.payload == "last") break;
    EXPECT_EQ(frame.payload, std::string(60'000, frame.payload[0]));
    ++whole;
  }
  EXPECT_GE(whole, 1);
  EXPECT_GT(server.server->stats().messages_dropped, 0U);
}

TEST(Tls, ManySmallRecordsArePiecedTogether) {
  const TestServer server(secure());
  RawClient client(server.port(), 0, true);
  const std::string two = get("/1") + get("/2");
  for (const char byte : two) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_THAT(client.read_response(), EndsWith("0 /1|"));
  EXPECT_THAT(client.read_response(), EndsWith("0 /2|"));
  client.send(two + two);
  for (const char* path : {"1", "2", "1", "2"}) {
    EXPECT_THAT(client.read_response(), EndsWith(fmt::format("0 /{}|", path)));
  }
}

TEST(Tls, AnswersAClientThatHasSaidAllItWants) {
  const TestServer server(secure());
  RawClient client(server.port(), 0, true);
  client.send(get("/big"));
  client.shut_down_sending();
  EXPECT_GT(client.read_to_end().size(), server.app.big_bytes);
}

TEST(Tls, ClientsTrustOnlyWhomTheyShould) {
  const TemporaryFolder folder;
  const auto f = [&](const testing::Wanted& wanted, bool trusts, std::string_view host,
                     std::string_view want) {
    const TlsFiles files = write_pair(folder, make_pair(wanted));
    const TestServer server({.tls = files});
    const auto response = http_get(fmt::format("https://{}:{}/", host, server.port()),
                                   trusting(trusts ? files.certificate : ""));
    EXPECT_EQ(response.has_value(), want.empty());
    if (response) return;
    EXPECT_EQ(response.error().code, Errc::kUnavailable);
    EXPECT_THAT(response.error().message, HasSubstr(std::string(want)));
  };
  f({}, true, "localhost", "");
  f({}, true, "127.0.0.1", "");
  f({}, false, "localhost", "not trusted: self-signed certificate; name its authority with");
  f({.name = "gpu.example"}, true, "localhost", "for another host");
  f({.days = -1}, true, "localhost", "not trusted: certificate has expired");
  f({.rsa_bits = 2048}, true, "localhost", "");

  const TestServer server(secure());
  const auto missing = http_get(url_of(server), trusting(folder.file("none.pem")));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  write_file(folder.file("empty.pem"), "nothing", 0600);
  const auto empty = http_get(url_of(server), trusting(folder.file("empty.pem")));
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("empty.pem' holds no certificate in PEM form"));
}

TEST(Tls, SaysSoToThoseWhoSpeakTheOtherThing) {
  if (testing::is_tls_run()) GTEST_SKIP() << "needs a server without TLS";
  const TestServer with_tls(secure());
  RawClient plain(with_tls.port(), 0, false);
  plain.send(get("/echo"));
  const auto refusal = plain.read_to_end();
  EXPECT_EQ(status_of(refusal), 400);
  EXPECT_THAT(refusal, HasSubstr("this port speaks TLS: ask it with https://"));

  const TestServer without;
  const auto response = http_get(url_of(without), trusting());
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, HasSubstr("it does not speak TLS; try http://"));
}

TEST(Tls, GarbageAndSilenceEndTheConnection) {
  const TestServer server(secure({.header = milliseconds(200), .linger = milliseconds(200)}));
  const auto f = [&](std::string_view bytes) {
    RawClient client(server.port(), 0, false);
    client.send(bytes);
    client.read_to_end();  // an alert or nothing, and the end
  };
  f("");
  f("\x16");
  f(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));  // a hello that stops
  f("SSH-2.0-OpenSSH_9.2\r\n");
  f(std::string(1000, '\0'));
  f(std::string(20'000, '\x16'));
  f("\x80\x2e\x01\x03\x01");  // SSL 2
  const auto after = http_get(url_of(server), trusting());
  ASSERT_TRUE(after) << after.error().message;
  const auto stats = server.server->stats();
  EXPECT_GE(stats.timeouts, 3U);
  EXPECT_GE(stats.failed_handshakes, 3U);
  EXPECT_TRUE(server.eventually([](const auto& now) { return now.connections == 0; }));
}

TEST(Tls, SpeaksNothingOldOrWeak) {
  const TestServer server(secure());
  const auto f = [&](int version, const char* ciphers, bool want) {
    OddClient client(server.port(), version);
    if (ciphers != nullptr) {
      ASSERT_EQ(::SSL_CTX_set_cipher_list(client.context(), ciphers), 1);
    }
    EXPECT_EQ(client.shake_hands(), want) << version << " " << (ciphers == nullptr ? "" : ciphers);
  };
  f(TLS1_VERSION, nullptr, false);
  f(TLS1_1_VERSION, nullptr, false);
  f(TLS1_2_VERSION, nullptr, true);
  f(TLS1_3_VERSION, nullptr, true);
  f(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false);  // CBC
  f(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", false);
  f(TLS1_2_VERSION, "AES128-GCM-SHA256", false);  // no forward secrecy
  f(TLS1_2_VERSION, "NULL:aNULL:eNULL", false);
  f(TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true);
}

TEST(Tls, ChoosesHttp11OrNothing) {
  const TestServer server(secure());
  const auto f = [&](std::string_view offered, std::string_view want, bool is_taken) {
    OddClient client(server.port());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes of another char type.
    const auto* bytes = reinterpret_cast<const unsigned char*>(offered.data());
    ::SSL_CTX_set_alpn_protos(client.context(), bytes, static_cast<unsigned>(offered.size()));
    ASSERT_EQ(client.shake_hands(), is_taken) << offered;
    if (!is_taken) return;
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(client.session(), &chosen, &size);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes of another char type.
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(chosen), size), want);
  };
  f("\x08http/1.1", "http/1.1", true);
  f("\x02h2\x08http/1.1", "http/1.1", true);
  f("\x02h2", "", false);
  f("", "", true);
}

TEST(Tls, RefusesToRenegotiateAndResumesNothing) {
  const TestServer server(secure());
  OddClient client(server.port(), TLS1_2_VERSION);
  ASSERT_TRUE(client.shake_hands());
  EXPECT_EQ(::SSL_SESSION_has_ticket(::SSL_get0_session(client.session())), 0);
  unsigned id_size = 0;
  ::SSL_SESSION_get_id(::SSL_get0_session(client.session()), &id_size);
  EXPECT_EQ(id_size, 0U);
  EXPECT_EQ(::SSL_renegotiate(client.session()), 1);
  EXPECT_NE(::SSL_do_handshake(client.session()), 1);
  const auto after = http_get(url_of(server), trusting());
  EXPECT_TRUE(after) << after.error().message;
}

TEST(Tls, KeysMayBeChangedAtAnyTime) {
  const TestServer server(secure());
  OddClient client(server.port());
  ASSERT_TRUE(client.shake_hands());
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(::SSL_key_update(client.session(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(client.send(get("/echo")));
    ASSERT_THAT(client.read_until("|"), EndsWith("0 /echo|"));
  }
}

TEST(Tls, NeedsNoSignalHandlerForClientsThatGo) {
  const TestServer server(secure());
  std::signal(SIGPIPE, SIG_DFL);
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.port(), 4096, true);
    client.send(get("/big"));
    client.read_exactly(1000);
  }
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
}

TEST(TlsIdentity, SaysWhatIsWrongWithItsFiles) {
  const TemporaryFolder folder;
  const auto good = make_pair();
  const auto f = [&](const testing::PemPair& pair, unsigned key_mode, Errc code,
                     const std::string& want) {
    const TlsFiles files = write_pair(folder, pair);
    ASSERT_EQ(::chmod(files.key.c_str(), static_cast<mode_t>(key_mode)), 0);
    const auto identity = TlsIdentity::open(files);
    EXPECT_EQ(identity.has_value(), want.empty()) << want;
    if (identity) return;
    EXPECT_EQ(identity.error().code, code) << identity.error().message;
    EXPECT_THAT(identity.error().message, HasSubstr(want));
    EXPECT_THAT(identity.error().message, ::testing::Not(HasSubstr("\n")));
  };
  f(good, 0600, Errc::kInternal, "");
  f(good, 0640, Errc::kInternal, "");
  f(good, 0644, Errc::kPermission, "is open to other users: run  chmod o= '" + folder.file("key"));
  f(good, 0602, Errc::kPermission, "is open to other users");
  f({good.certificate, make_pair().key}, 0600, Errc::kInvalidArgument,
    "key.pem' does not belong to the certificate '" + folder.file("cert.pem'"));
  f({good.certificate, make_pair({.rsa_bits = 2048}).key}, 0600, Errc::kInvalidArgument,
    "key.pem' does not belong to the certificate '");
  f({good.certificate, "hello"}, 0600, Errc::kInvalidArgument, "holds no private key in PEM form");
  f({good.certificate, ""}, 0600, Errc::kInvalidArgument, "holds no private key in PEM form");
  f({"", good.key}, 0600, Errc::kInvalidArgument, "holds no certificate in PEM form");
  f({good.certificate + good.certificate.substr(0, 200), good.key}, 0600, Errc::kInvalidArgument,
    "is damaged behind its first certificate");
  f({good.certificate + make_pair().certificate, good.key}, 0600, Errc::kInternal, "");
  f(make_pair({.password = "secret"}), 0600, Errc::kInvalidArgument,
    "is encrypted: write it without a password, with  openssl pkey -in '");
  f(make_pair({.rsa_bits = 1024}), 0600, Errc::kInvalidArgument,
    "cannot be used: ee key too small");

  const auto missing = TlsIdentity::open({.certificate = folder.file("no"), .key = "x"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_EQ(missing.error().message, "cannot read the TLS certificate '" + folder.file("no") +
                                         "': No such file or directory");
  const auto folder_as_file = TlsIdentity::open({.certificate = "/", .key = "x"});
  ASSERT_FALSE(folder_as_file);
  EXPECT_THAT(folder_as_file.error().message, HasSubstr("is no regular file"));
}

/// The serial number of the certificate that a server shows.
long serial_of(std::uint16_t port) {
  OddClient client(port);
  if (!client.shake_hands()) return -1;
  const X509* certificate = ::SSL_get0_peer_certificate(client.session());
  return ::ASN1_INTEGER_get(::X509_get0_serialNumber(certificate));
}

TEST(TlsIdentity, FollowsItsFilesAndKeepsTheOldOneInsteadOfABrokenOne) {
  const TemporaryFolder folder;
  const auto first = make_pair();
  const TlsFiles files = write_pair(folder, first);
  const auto identity = TlsIdentity::open(files);
  ASSERT_TRUE(identity);
  const auto fingerprint = [&] {
    const auto session = (*identity)->make_session();
    return ::ASN1_INTEGER_get(::X509_get0_serialNumber(::SSL_get_certificate(session.get())));
  };
  const long before = fingerprint();
  (*identity)->refresh();
  EXPECT_EQ(fingerprint(), before);

  const auto second = make_pair();
  write_file(files.certificate, second.certificate, 0644);
  (*identity)->refresh();  // the key is not there yet
  EXPECT_EQ(fingerprint(), before);
  write_file(files.key, second.key, 0600);
  (*identity)->refresh();
  const long after = fingerprint();
  EXPECT_NE(after, before);

  write_file(files.key, "", 0600);
  (*identity)->refresh();
  EXPECT_EQ(fingerprint(), after);
  ::unlink(files.certificate.c_str());
  (*identity)->refresh();
  EXPECT_EQ(fingerprint(), after);
  write_pair(folder, first);
  (*identity)->refresh();
  EXPECT_EQ(fingerprint(), before);
}

TEST(Tls, ARunningServerTakesANewCertificateAndKeepsItsConnections) {
  const TemporaryFolder folder;
  const TestServer server({.tls = write_pair(folder, make_pair())});
  OddClient old(server.port());
  ASSERT_TRUE(old.shake_hands());
  const long before = serial_of(server.port());
  ASSERT_GT(before, 0);
  write_pair(folder, make_pair());
  long now = before;
  ASSERT_TRUE(server.eventually([&](const auto&) {
    now = serial_of(server.port());
    return now != before;
  }));
  EXPECT_GT(now, before);
  ASSERT_TRUE(old.send(get("/echo")));
  EXPECT_THAT(old.read_until("|"), EndsWith("0 /echo|"));
}

}  // namespace
}  // namespace gpuvigil

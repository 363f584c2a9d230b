// The server over TLS, with a client of OpenSSL's own.
#include "base/http/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <csignal>

#include "tests/unit/base/http/server_fixture.h"

namespace larder::http::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Identity {
  std::string certificate, key;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

struct Wanted {
  const Identity* authority = nullptr;  // null: nobody signs it but itself
  const char* names = nullptr;          // subjectAltName, as OpenSSL's configuration has it
  long until = 3600;                    // seconds from now
};

Identity make_identity(const Wanted& wanted = {}) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.until);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  if (wanted.names != nullptr) {
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wanted.names);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
  }
  if (wanted.authority != nullptr) {
    BIO* const text = BIO_new_mem_buf(wanted.authority->certificate.data(), -1);
    X509* const authority = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
    BIO* const authority_text = BIO_new_mem_buf(wanted.authority->key.data(), -1);
    EVP_PKEY* const authority_key = PEM_read_bio_PrivateKey(authority_text, nullptr, nullptr, nullptr);
    X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("signed"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(authority));
    X509_sign(certificate, authority_key, EVP_sha256());
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    BIO_free(text);
    BIO_free(authority_text);
  } else {
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
  }
  BIO* const certificate_text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_text, certificate);
  BIO* const key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(certificate_text), text_of(key_text)};
}

class TlsTest : public ServerTest {
 protected:
  struct Client {
    Client() : context(SSL_CTX_new(TLS_client_method())) {}
    Client(const Client&) = delete;
    ~Client() {
      SSL_free(ssl);
      SSL_CTX_free(context);
    }
    SSL_CTX* context;
    SSL* ssl = nullptr;
    UniqueFd socket;
  };

  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the server may have closed
    const auto made = TlsContext::make(identity.certificate, identity.key);
    ASSERT_TRUE(made) << made.error().text();
    tls = *made;
    limits.linger = std::chrono::minutes(1);  // a busy machine must not cut an answer off
    start();
    port = listen_tcp(tls);
  }
  // Turns the loop while the call wants the socket; whether it came to a good end.
  bool drive(const Client& client, const std::function<int()>& call) {
    int result = 0;
    const bool over = until([&] {
      result = call();
      if (result > 0) return true;
      const int error = SSL_get_error(client.ssl, result);
      return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    });
    return over && result > 0;
  }
  bool shake_hands(Client& client) {
    client.socket = connect_tcp(port);
    ::fcntl(client.socket.get(), F_SETFL, O_NONBLOCK);
    client.ssl = SSL_new(client.context);
    SSL_set_fd(client.ssl, client.socket.get());
    return drive(client, [&] { return SSL_connect(client.ssl); });
  }
  bool write(Client& client, const std::string& bytes) {
    SSL_set_mode(client.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    std::size_t at = 0;
    while (at < bytes.size()) {
      std::size_t count = 0;
      if (!drive(client, [&] { return SSL_write_ex(client.ssl, bytes.data() + at, bytes.size() - at, &count); }))
        return false;
      at += count;
    }
    return true;
  }
  std::string read_until(Client& client, const std::string& part) {
    std::string all;
    std::vector<char> buffer(65536);
    while (all.size() < part.size() ||
           all.find(part, all.size() - std::min(all.size(), buffer.size() + part.size())) == std::string::npos) {
      std::size_t count = 0;
      if (!drive(client, [&] { return SSL_read_ex(client.ssl, buffer.data(), buffer.size(), &count); })) break;
      all.append(buffer.data(), count);
    }
    return all;
  }

  Identity identity = make_identity();
  std::shared_ptr<TlsContext> tls;
  std::uint16_t port = 0;
};

TEST_F(TlsTest, AnswersRequests) {
  Client client;
  ASSERT_TRUE(shake_hands(client));
  EXPECT_STREQ(SSL_get_version(client.ssl), "TLSv1.3");
  ASSERT_TRUE(write(client, get("/1") + get("/2")));
  EXPECT_THAT(read_until(client, "/2"), HasSubstr("\r\n\r\n/1HTTP/1.1 200 OK\r\n"));
  ASSERT_TRUE(write(client, get("/3", "Connection: close\r\n")));
  EXPECT_THAT(read_until(client, "never"), HasSubstr("\r\n\r\n/3"));  // to the end
  EXPECT_NE(SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsTest, LargeBodiesGoBothWays) {
  static constexpr std::size_t kBody = 3 * kMiB + 7;
  handler = [](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->head().method == "PUT") return std::make_shared<BodyCounter>(exchange)->read();
    Response response;
    response.stream = std::make_shared<CountedSource>(kBody);
    exchange->respond(std::move(response));
  };
  Client client;
  ASSERT_TRUE(shake_hands(client));
  ASSERT_TRUE(write(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n"));
  ASSERT_TRUE(write(client, std::string(kBody, 'x')));
  EXPECT_THAT(read_until(client, std::to_string(kBody)), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(write(client, get("/")));
  const std::string all = read_until(client, "\r\n0\r\n\r\n");
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), 'x')), kBody);
}

// The answer arrives although the client sends more than it may.
TEST_F(TlsTest, WhoSendsTooMuchReadsWhy) {
  Client client;
  ASSERT_TRUE(shake_hands(client));
  ASSERT_TRUE(write(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n"));
  ASSERT_TRUE(until([&] { return answered.size() == 1; }));
  for (int i = 0; i < 8; ++i) {
    turn();
    ASSERT_TRUE(write(client, std::string(256 * kKiB, 'x')));
  }
  EXPECT_THAT(read_until(client, "never"), StartsWith("HTTP/1.1 413 "));
  EXPECT_NE(SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, 0);
}

// An end without close_notify must not pass for the end of a body.
TEST_F(TlsTest, ABodyCutOffIsNotWhole) {
  std::shared_ptr<BodyCounter> counter;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    counter = std::make_shared<BodyCounter>(exchange);
    counter->read();
  };
  Client client;
  ASSERT_TRUE(shake_hands(client));
  ASSERT_TRUE(write(client, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
  ASSERT_TRUE(until([&] { return counter && counter->bytes == 3; }));
  client.socket.reset();
  EXPECT_TRUE(until([&] { return counter->failed; }));
  EXPECT_EQ(answered, std::vector<int>{400});
}

TEST_F(TlsTest, OlderVersionsAreRefused) {
  Client client;
  SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION);
  EXPECT_FALSE(shake_hands(client));
  EXPECT_TRUE(until([&] { return server->figures().connections == 0; }));
}

TEST_F(TlsTest, PlainRequestsAreNotTaken) {
  const UniqueFd client = connect_tcp(port);
  ASSERT_TRUE(send(client, get("/1")));
  EXPECT_THAT(receive_all(client), testing::Not(HasSubstr("HTTP/1.1")));
}

TEST_F(TlsTest, ANewCertificateIsUsedForNewConnections) {
  const Identity renewed = make_identity();
  server->use_certificate(*TlsContext::make(renewed.certificate, renewed.key));
  Client client;
  ASSERT_TRUE(shake_hands(client));
  X509* const shown = SSL_get1_peer_certificate(client.ssl);
  BIO* const text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(text, shown);
  X509_free(shown);
  EXPECT_EQ(text_of(text), renewed.certificate);
}

Digest fingerprint(const Identity& identity) {
  BIO* const text = BIO_new_mem_buf(identity.certificate.data(), -1);
  X509* const certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
  Digest digest{};
  unsigned int length = 0;
  X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()), &length);
  X509_free(certificate);
  BIO_free(text);
  return digest;
}

class ClientCertificateTest : public TlsTest {
 protected:
  void SetUp() override {
    TlsTest::SetUp();
    const auto made = TlsContext::make(identity.certificate, identity.key, authority.certificate);
    ASSERT_TRUE(made) << made.error().text();
    server->use_certificate(*made);
  }
  static void show(Client& client, const Identity& mine) {
    BIO* const text = BIO_new_mem_buf(mine.certificate.data(), -1);
    X509* const certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
    BIO* const key_text = BIO_new_mem_buf(mine.key.data(), -1);
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(client.context, certificate);
    SSL_CTX_use_PrivateKey(client.context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(text);
    BIO_free(key_text);
  }
  // With TLS 1.3 a client hears of a certificate that was refused once it reads.
  std::string ask(Client& client) {
    if (!shake_hands(client) || !write(client, get("/1", "Connection: close\r\n"))) return {};
    return read_until(client, "never");
  }
  Identity authority = make_identity();
};

TEST_F(ClientCertificateTest, WhatAnAuthoritySignedIsToldToTheUser) {
  const Identity signed_one =
      make_identity({&authority, "DNS:Build7.Example,email:anna@example.org,URI:spiffe://example/build,IP:127.0.0.1"});
  Client client;
  show(client, signed_one);
  EXPECT_THAT(ask(client), HasSubstr("\r\n\r\n/1"));
  ASSERT_EQ(certificates.size(), 1U);
  EXPECT_EQ(certificates[0].sha256, fingerprint(signed_one));
  EXPECT_THAT(certificates[0].names,
              testing::ElementsAre("dns:build7.example", "email:anna@example.org", "uri:spiffe://example/build"));
}

TEST_F(ClientCertificateTest, WhoShowsNoneIsServedAsNobody) {
  Client client;
  EXPECT_THAT(ask(client), HasSubstr("\r\n\r\n/1"));
  EXPECT_TRUE(certificates.empty());
}

TEST_F(ClientCertificateTest, WhatNoAuthoritySignedIsNotServed) {
  const Identity stranger = make_identity();
  const std::vector<std::pair<const char*, Identity>> wrong = {
      {"signed by itself", make_identity()},
      {"signed by another", make_identity({&stranger})},
      {"over", make_identity({&authority, nullptr, -60})},
  };
  for (const auto& [what, mine] : wrong) {
    Client client;
    show(client, mine);
    EXPECT_EQ(ask(client), "") << what;
    EXPECT_TRUE(until([&] { return server->figures().connections == 0; })) << what;
  }
  EXPECT_TRUE(certificates.empty());
  EXPECT_TRUE(answered.empty());
}

TEST_F(ClientCertificateTest, WithoutAuthoritiesNobodyIsAsked) {
  server->use_certificate(tls);
  Client client;
  show(client, make_identity({&authority}));
  EXPECT_THAT(ask(client), HasSubstr("\r\n\r\n/1"));
  EXPECT_TRUE(certificates.empty());
}

TEST_F(ClientCertificateTest, UnreadableAuthoritiesAreAnError) {
  const std::string half = authority.certificate.substr(0, authority.certificate.size() / 2);
  for (const std::string& text : {std::string("x"), half, authority.certificate + half}) {
    const auto made = TlsContext::make(identity.certificate, identity.key, text);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, ErrorCode::certificate_rejected);
    EXPECT_THAT(made.error().text(), StartsWith("cannot use the authorities of client certificates: "));
  }
}

TEST_F(TlsTest, UnusableCertificatesAreAnError) {
  const Identity other = make_identity();
  for (const auto& [certificate, key] :
       {std::pair{identity.certificate, other.key}, std::pair{std::string("x"), identity.key},
        std::pair{identity.certificate, std::string("x")}, std::pair{std::string(), std::string()}}) {
    const auto made = TlsContext::make(certificate, key);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::certificate_rejected);
    EXPECT_THAT(made.error().text(), StartsWith("cannot use the server's certificate: "));
  }
}

}  // namespace
}  // namespace larder::http::test

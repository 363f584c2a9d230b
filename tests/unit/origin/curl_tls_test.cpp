// TLS: which certificates are believed, and our own.
#include <cstdlib>

#include "tests/support/certificate_text.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/origin/http_fixture.h"

namespace larder::origin {
namespace {

using test::FaultOrigin;

// An authority and certificates of it, made by the openssl command.
class Certificates {
 public:
  Certificates() {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=test-CA "
        "-days 2");
    issue("server", "IP:127.0.0.1", 2);
    issue("expired", "IP:127.0.0.1", -1);
    issue("other", "DNS:other.example", 2);
    issue("client", "DNS:client", 2);
    run("pkey -in client.key -aes-128-cbc -passout pass:s3cret -out locked.key");
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ / name; }
  [[nodiscard]] std::string text(const std::string& name) const { return test::read_file(path(name)); }
  [[nodiscard]] std::vector<std::string> server(const std::string& name) const {
    return {"--tls", path(name + ".pem"), path(name + ".key")};
  }

 private:
  void run(const std::string& arguments) const {
    const std::string command = "cd " + directory_.path() + " && openssl " + arguments + " 2>>openssl.log";
    if (std::system(command.c_str()) != 0) ADD_FAILURE() << command << "\n" << text("openssl.log");
  }
  void issue(const std::string& name, const std::string& alternative, int days) const {
    run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -out " + name +
        ".csr -subj /CN=test -addext subjectAltName=" + alternative);
    run("x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days " +
        std::to_string(days) + " -out " + name + ".pem");
  }

  test::TempDirectory directory_;
};

class CurlTlsTest : public HttpFixture {
 protected:
  static Certificates& certificates() {
    static Certificates made;
    return made;
  }
};

TEST_F(CurlTlsTest, BelievesOnlyTheAuthorityGiven) {
  const FaultOrigin origin(certificates().server("server"));
  const auto unknown = get(origin.url("/c/a/10"));
  EXPECT_EQ(unknown->code(), ErrorCode::certificate_rejected) << unknown->text();
  EXPECT_NE(unknown->text().find("--ca-file"), std::string::npos) << unknown->text();
  options.ca_certificates = certificates().text("ca.pem");
  const auto known = get(origin.url("/c/a/100000"));
  ASSERT_TRUE(known->ok()) << known->text();
  EXPECT_TRUE(known->body == FaultOrigin::content("a", 0, 100000));
}

TEST_F(CurlTlsTest, RefusesExpiredAndForeignCertificates) {
  options.ca_certificates = certificates().text("ca.pem");
  const FaultOrigin expired(certificates().server("expired")), foreign(certificates().server("other"));
  const auto old = get(expired.url("/c/a/10"));
  EXPECT_EQ(old->code(), ErrorCode::certificate_rejected) << old->text();
  EXPECT_NE(old->text().find("out of date"), std::string::npos) << old->text();
  const auto other = get(foreign.url("/c/a/10"));
  EXPECT_EQ(other->code(), ErrorCode::certificate_rejected) << other->text();
  EXPECT_NE(other->text().find("another name"), std::string::npos) << other->text();
  EXPECT_EQ(other->text().find("--ca-file"), std::string::npos) << other->text();
}

TEST_F(CurlTlsTest, ShowsTheClientsCertificate) {
  std::vector<std::string> words = certificates().server("server");
  words.insert(words.end(), {"--client-ca", certificates().path("ca.pem")});
  const FaultOrigin origin(words);
  options.ca_certificates = certificates().text("ca.pem");
  EXPECT_FALSE(get(origin.url("/c/a/10"))->ok());
  options.client_certificate = certificates().text("client.pem");
  options.client_key = certificates().text("client.key");
  const auto shown = get(origin.url("/c/a/10"));
  EXPECT_TRUE(shown->ok()) << shown->text();
  options.client_key = certificates().text("locked.key");
  options.client_key_password = "s3cret";
  EXPECT_TRUE(get(origin.url("/c/a/10"))->ok());
  options.client_key_password = "wr0ng";
  const auto locked = get(origin.url("/c/a/10"));
  EXPECT_EQ(locked->code(), ErrorCode::invalid_argument) << locked->text();
  EXPECT_EQ(locked->text().find("wr0ng"), std::string::npos);
}

TEST_F(CurlTlsTest, TellsAServerThatSpeaksNoTls) {
  const FaultOrigin plain;
  std::string url = plain.url("/c/a/10");
  url.replace(0, 4, "https");
  const auto result = get(url);
  EXPECT_EQ(result->code(), ErrorCode::tls_failed) << result->text();
}

TEST_F(CurlTlsTest, TellsAuthoritiesThatCannotBeRead) {
  const FaultOrigin origin(certificates().server("server"));
  options.ca_certificates = "no certificate";
  const auto result = get(origin.url("/c/a/10"));
  EXPECT_EQ(result->code(), ErrorCode::invalid_argument) << result->text();
}

// What one caller believes must not be believed on a connection or a session that another one's authorities opened.
TEST_F(CurlTlsTest, AConnectionIsNotReusedForOtherAuthorities) {
  const FaultOrigin origin(certificates().server("server"));
  options.ca_certificates = certificates().text("ca.pem");
  ASSERT_TRUE(get(origin.url("/c/a/10"))->ok());
  options.ca_certificates = test::kAuthority;
  EXPECT_EQ(get(origin.url("/c/a/10"))->code(), ErrorCode::certificate_rejected);
  options.ca_certificates.clear();
  EXPECT_EQ(get(origin.url("/c/a/10"))->code(), ErrorCode::certificate_rejected);
}

}  // namespace
}  // namespace larder::origin

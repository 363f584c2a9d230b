#include "agent/config/environment_authorities.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "base/io/log.h"
#include "tests/support/certificate_text.h"
#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

class EnvironmentAuthorities : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::off);
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}) ::unsetenv(name);
  }
  void TearDown() override { SetUp(); }
  [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
    test::write_file(directory_ / name, text);
    return directory_ / name;
  }
  static std::string text_of(const AuthorityVariables& variables) {
    auto text = read_authorities_of(variables);
    return text ? *text : "error: " + text.error().text();
  }
  test::TempDirectory directory_;
};

TEST_F(EnvironmentAuthorities, AreThoseThatCurlTakes) {
  const std::string bundle = write("bundle", "B\n"), file = write("file", "F");
  const std::string folder = directory_ / "certs";
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  for (const char* name : {"certs/0a1b2c3d.1", "certs/0a1b2c3d.0", "certs/ffffffff.10", "certs/README", "certs/x.pem",
                           "certs/0a1b2c3d.r0", "certs/0A1B2C3D.0"})
    (void)write(name, name);
  EXPECT_EQ(text_of({}), "");
  EXPECT_EQ(text_of({bundle, file, folder}), "B\n") << "curl heeds the others only without it";
  EXPECT_EQ(text_of({"", file, ""}), "F\n");
  EXPECT_EQ(text_of({"", "", folder}), "certs/0a1b2c3d.0\ncerts/0a1b2c3d.1\ncerts/ffffffff.10\n");
  EXPECT_EQ(text_of({"", file, folder}), "certs/0a1b2c3d.0\ncerts/0a1b2c3d.1\ncerts/ffffffff.10\nF\n");
  EXPECT_EQ(text_of({"", "", ":" + folder + ":"}), text_of({"", "", folder}));
}

TEST_F(EnvironmentAuthorities, NameWhatCannotBeRead) {
  const std::string missing = directory_ / "missing", empty = directory_ / "empty", fifo = directory_ / "fifo";
  ASSERT_EQ(::mkdir(empty.c_str(), 0700), 0);
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(text_of({missing, "", ""}).find("error: cannot use CURL_CA_BUNDLE"), std::string::npos);
  EXPECT_NE(text_of({"", missing, ""}).find("error: cannot use SSL_CERT_FILE"), std::string::npos);
  EXPECT_NE(text_of({"", "", missing}).find("error: cannot use SSL_CERT_DIR"), std::string::npos);
  EXPECT_NE(text_of({"", "", empty}).find("c_rehash"), std::string::npos);
  EXPECT_NE(text_of({"", fifo, ""}).find("pipe"), std::string::npos);
  const std::string large = write("large", std::string(600 * 1024, 'x'));
  EXPECT_NE(text_of({"", large, ""}).find("error: "), std::string::npos);
}

TEST_F(EnvironmentAuthorities, AreTheConfigurationOfAUsersOwnAgentAlone) {
  const std::string pem = test::kAuthority;
  ::setenv("SSL_CERT_FILE", write("ca", pem).c_str(), 1);
  Config config;
  ASSERT_TRUE(read_authorities(config));
  EXPECT_EQ(config.ca_certificates, "") << "the system's agent";
  ASSERT_TRUE(read_authorities(config, true));
  EXPECT_TRUE(config.ca_of_environment);
  EXPECT_EQ(config.ca_certificates, read_authorities_of(authority_variables()).value());
  config.ca_file = write("configured", "# mine\n" + pem);
  ASSERT_TRUE(read_authorities(config, true));
  EXPECT_FALSE(config.ca_of_environment);
  EXPECT_EQ(config.ca_certificates, "# mine\n" + pem);
  config.ca_file.clear();
  ::setenv("SSL_CERT_FILE", write("nonsense", "nonsense").c_str(), 1);
  ASSERT_TRUE(read_authorities(config, true)) << "an agent starts all the same";
  EXPECT_EQ(config.ca_certificates, "");
  ::setenv("SSL_CERT_FILE", (directory_ / "missing").c_str(), 1);
  ASSERT_TRUE(read_authorities(config, true));
  EXPECT_FALSE(config.ca_of_environment);
}

}  // namespace
}  // namespace larder::agent

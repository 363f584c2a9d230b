#include "inbox/config/inbox_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace larder::inbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kInbox = "[[inbox]]\nname = \"in\"\nprincipals = [\"anybody\"]\n";
const std::string kDigest(64, 'a');

std::string error_of(const std::string& text) {
  const auto config = parse_server_config(text, "inbox.toml");
  return config ? "accepted" : config.error().detail;
}

TEST(InboxConfig, OneInboxIsEnough) {
  const auto config = parse_server_config(kInbox, "f");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ((*config)->state_directory, "/var/lib/larder-inbox");
  EXPECT_THAT((*config)->listen, ElementsAre("127.0.0.1:7480"));
  ASSERT_NE((*config)->find_inbox("in"), nullptr);
  EXPECT_EQ((*config)->find_inbox("in")->hand_over, HandOverWay::take);
  EXPECT_EQ((*config)->find_inbox("other"), nullptr);
}

TEST(InboxConfig, EveryKeyIsRead) {
  const auto config = parse_server_config(R"(
[server]
state_directory = "/s"
runtime_directory = "/r"
admins = ["anna", "1001"]
listen = ["0.0.0.0:80", "[::1]:81"]
certificate = "/c.pem"
key = "/k.pem"
client_authorities = "/a.pem"
base_url = "https://inbox.example"
log_level = "warn"
access_log = "off"
max_connections = 7
connections_per_address = 6
keep_free = "2 MiB"
stall_timeout = "5s"
least_rate = "2 KiB/s"
remember = "30d"
keep_content = "0s"
bits_host_id = "node1.example"
bits_fallback = "1m"
[[principal]]
name = "anna"
token_sha256 = [")" + kDigest + R"("]
certificate_sha256 = [")" + kDigest + R"("]
certificate_names = ["dns:anna.example", "email:Anna@example", "uri:spiffe://example/anna"]
[[inbox]]
name = "builds"
principals = ["anna"]
hand_over = "program"
directory = "/d"
url = "https://anna:secret@app.example/uploads?x=y"
url_content = "reference"
url_timeout = "9s"
url_authorities = "/app.pem"
max_reply = "2 MiB"
wait_for_application = "3m"
program = ["/bin/take", "it"]
program_timeout = "7s"
scanner = ["/bin/scan"]
scanner_timeout = "8s"
max_size = "1 MiB"
max_part = "64 KiB"
max_open = 3
expiry = "2h"
empty_bits = "on"
)",
                                          "f");
  ASSERT_TRUE(config) << config.error().text();
  const ServerConfig& server = **config;
  EXPECT_EQ(server.state_directory, "/s");
  EXPECT_EQ(server.runtime_directory, "/r");
  EXPECT_THAT(server.admins, ElementsAre("anna", "1001"));
  EXPECT_THAT(server.listen, ElementsAre("0.0.0.0:80", "[::1]:81"));
  EXPECT_EQ(server.certificate + server.key, "/c.pem/k.pem");
  EXPECT_EQ(server.client_authorities, "/a.pem");
  EXPECT_EQ(server.base_url, "https://inbox.example");
  EXPECT_EQ(server.log_level, log::Level::warn);
  EXPECT_FALSE(server.access_log);
  EXPECT_EQ(server.max_connections, 7U);
  EXPECT_EQ(server.connections_per_address, 6U);
  EXPECT_EQ(server.keep_free, 2 * kMiB);
  EXPECT_EQ(server.stall_timeout, std::chrono::seconds(5));
  EXPECT_EQ(server.least_rate, 2 * kKiB);
  EXPECT_EQ(server.remember, std::chrono::hours(24 * 30));
  EXPECT_EQ(server.bits_host_id, "node1.example");
  EXPECT_EQ(server.bits_fallback, std::chrono::minutes(1));
  EXPECT_EQ(server.principals.at(0).name, "anna");
  EXPECT_THAT(server.principals.at(0).token_sha256, ElementsAre(kDigest));
  EXPECT_THAT(server.principals.at(0).certificate_sha256, ElementsAre(kDigest));
  EXPECT_THAT(server.principals.at(0).certificate_names,
              ElementsAre("dns:anna.example", "email:Anna@example", "uri:spiffe://example/anna"));
  const InboxConfig& inbox = server.inboxes.at(0);
  EXPECT_EQ(inbox.hand_over, HandOverWay::program);
  EXPECT_EQ(inbox.directory, "/d");
  EXPECT_THAT(inbox.program, ElementsAre("/bin/take", "it"));
  EXPECT_EQ(inbox.url, "https://anna:secret@app.example/uploads?x=y");
  EXPECT_EQ(inbox.url_content, UrlContent::reference);
  EXPECT_EQ(inbox.url_timeout, std::chrono::seconds(9));
  EXPECT_EQ(inbox.url_authorities, "/app.pem");
  EXPECT_EQ(inbox.max_reply, 2 * kMiB);
  EXPECT_EQ(inbox.wait_for_application, std::chrono::minutes(3));
  EXPECT_EQ(inbox.program_timeout, std::chrono::seconds(7));
  EXPECT_THAT(inbox.scanner, ElementsAre("/bin/scan"));
  EXPECT_EQ(inbox.scanner_timeout, std::chrono::seconds(8));
  EXPECT_EQ(inbox.max_size, kMiB);
  EXPECT_EQ(inbox.max_part, 64 * kKiB);
  EXPECT_EQ(inbox.max_open, 3U);
  EXPECT_EQ(inbox.expiry, std::chrono::hours(2));
  EXPECT_EQ(server.keep_content, Duration::zero());
  EXPECT_TRUE(inbox.empty_bits);
}

struct BadCase {
  const char* what;
  std::string text;
  const char* says;
};

TEST(InboxConfig, WhatIsWrongIsSaidWithItsLine) {
  const std::string inbox = kInbox;
  const std::vector<BadCase> cases = {
      {"no inbox", "[server]\n", "inbox.toml:1: there is no [[inbox]]"},
      {"misspelt section", "[sever]\n" + inbox, "unknown section \"sever\"; did you mean \"server\"?"},
      {"misspelt key", "[server]\nlistn = []\n" + inbox,
       "inbox.toml:2: unknown key \"server.listn\"; did you mean \"listen\"?"},
      {"a name to listen on", "[server]\nlisten = [\"localhost:80\"]\n" + inbox, "addresses in numbers"},
      {"nothing to listen on", "[server]\nlisten = []\n" + inbox, "1 to 16"},
      {"half a certificate", "[server]\ncertificate = \"/c\"\n" + inbox, "belong together"},
      {"half a key", "[server]\nkey = \"/c\"\n" + inbox, "belong together"},
      {"a relative path", "[server]\nstate_directory = \"s\"\n" + inbox, "absolute path"},
      {"a URL with a slash", "[server]\nbase_url = \"http://h/\"\n" + inbox, "without \"/\" at its end"},
      {"a URL of no web", "[server]\nbase_url = \"ftp://h\"\n" + inbox, "must be a URL"},
      {"a host id with a path", "[server]\nbits_host_id = \"h/x\"\n" + inbox, "host name"},
      {"a token in the clear", "[[principal]]\nname = \"a\"\ntoken_sha256 = [\"secret\"]\n" + inbox, "64 hexadecimal"},
      {"a principal without tokens", "[[principal]]\nname = \"a\"\n" + inbox,
       "inbox.toml:1: [[principal]] \"a\" needs \"token_sha256\""},
      {"certificates of nobody's", "[[principal]]\nname = \"a\"\ncertificate_names = [\"dns:a\"]\n" + inbox,
       "no \"server.client_authorities\""},
      {"a fingerprint with colons", "[[principal]]\nname = \"a\"\ncertificate_sha256 = [\"AA:BB\"]\n" + inbox,
       "without colons"},
      {"a name of no kind", "[[principal]]\nname = \"a\"\ncertificate_names = [\"a.example\"]\n" + inbox,
       "subjectAltName"},
      {"a name that DNS would not tell from another",
       "[[principal]]\nname = \"a\"\ncertificate_names = [\"dns:A.example\"]\n" + inbox, "in lower case"},
      {"authorities without TLS", "[server]\nclient_authorities = \"/a\"\n" + inbox, "needs \"server.certificate\""},
      {"two of a name", inbox + inbox, "two of [[inbox]] have the name \"in\""},
      {"an unknown principal", "[[inbox]]\nname = \"in\"\nprincipals = [\"anna\"]\n", "no such [[principal]]"},
      {"anybody and somebody",
       "[[principal]]\nname = \"a\"\ntoken_sha256 = [\"" + kDigest +
           "\"]\n[[inbox]]\nname = \"in\"\nprincipals = [\"anybody\", \"a\"]\n",
       "inbox.toml:4: [[inbox]] \"in\": \"anybody\" stands alone"},
      {"nobody", "[[inbox]]\nname = \"in\"\nprincipals = []\n", "1 to 256"},
      {"no principals", "[[inbox]]\nname = \"in\"\n", "needs \"principals\""},
      {"a directory without one", inbox + "hand_over = \"directory\"\n", "needs \"directory\""},
      {"a program without one", inbox + "hand_over = \"program\"\n", "needs \"program\""},
      {"a call without a URL", inbox + "hand_over = \"http\"\n", "needs \"url\""},
      {"a reference to nowhere", inbox + "hand_over = \"http\"\nurl = \"http://h/\"\nurl_content = \"reference\"\n",
       "needs \"directory\""},
      {"a URL to call that is none", inbox + "url = \"app.example\"\n", "must be a URL such as"},
      {"a URL without a host", inbox + "url = \"http:///x\"\n", "must be a URL such as"},
      {"a URL in two lines", inbox + "url = \"http://h/\\r\\nX: y\"\n", "must be a URL such as"},
      {"a URL of files", inbox + "url = \"file:///etc/passwd\"\n", "must be a URL such as"},
      {"a reply that fits into no memory", inbox + "max_reply = \"17 MiB\"\n", "16 MiB"},
      {"a client that waits longer than BITS does", inbox + "wait_for_application = \"5m\"\n", "4m"},
      {"a relative program", inbox + "program = [\"take\"]\n", "absolute path"},
      {"an unknown way", inbox + "hand_over = \"mail\"\n", "\"directory\", \"take\", \"program\""},
      {"one table where many are meant", "[inbox]\nname = \"in\"\n", "must be written [[inbox]]"},
      {"a slash in a name", "[[inbox]]\nname = \"a/b\"\nprincipals = [\"anybody\"]\n", "letters, digits"},
      {"no room at all", inbox + "max_open = 0\n", "1 to 100000"},
  };
  for (const BadCase& each : cases) EXPECT_THAT(error_of(each.text), HasSubstr(each.says)) << each.what;
}

TEST(InboxConfig, ThePageHasEveryKeyAsItIs) {
  std::ifstream page(LARDER_SOURCE_DIR "/docs/inbox-configuration.md");
  std::stringstream text;
  text << page.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(server_config_as_markdown()))
      << "docs/inbox-configuration.md does not have this table:\n"
      << server_config_as_markdown();
}

TEST(InboxConfig, AMissingFileIsNotFound) {
  EXPECT_EQ(load_server_config("/nowhere/inbox.toml").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace larder::inbox

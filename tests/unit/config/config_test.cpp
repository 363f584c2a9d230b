#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/config/toml_document.h"
#include "base/text/units.h"
#include "tests/support/certificate_text.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& toml) {
  const auto config = parse_config(toml, "t.toml");
  if (config) return "accepted";
  EXPECT_EQ(config.error().code, ErrorCode::config_invalid) << toml;
  return config.error().text();
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  const auto config = parse_config("", "t.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config_as_toml(**config), config_as_toml(Config{}));
  EXPECT_EQ((*config)->state_directory, "/var/lib/larder");
  EXPECT_EQ((*config)->max_jobs, 300U);
}

TEST(Config, TakesEveryKindOfValue) {
  const auto config = parse_config(R"(
[agent]
state_directory = "/srv/larder"
log_level = "debug"
idle_exit = "1h30m"
[api]
admins = ["anna", "1001"]
socket_mode = "0660"
http_port = 7480
[cache]
max_size = "1.5 GiB"
keep_free = 10485760
max_age = "30d"
[origin]
max_rate = "10 MiB/s"
stall_timeout = "250ms"
proxy = "socks5h://proxy.example:1080"
redirect_downgrade = true
deny_hosts = ["bad.example", "*.worse.example"]
[peer]
enabled = false
port = 0
listen = ["127.0.0.2", "::1"]
addresses = ["pc7.office.example:7475", "[2001:db8::7]:7475"]
srv = "_larder._udp.office.example"
encryption = "off"
metered = "yes"
min_battery = 100
min_size = "64 KiB"
never_share = ["https://intranet.example/*", "*.key"]
min_rate = "off"
[trust]
min_attesters = 2
[[hook]]
name = "scan"
command = ["/usr/bin/scan", "--quiet"]
timeout = "30s"
[[hook]]
name = "other"
command = ["/bin/true"]
[[notify]]
name = "mail"
command = ["/usr/bin/mail-it"]
)",
                                   "t.toml");
  ASSERT_TRUE(config) << config.error().text();
  const Config& c = **config;
  EXPECT_EQ(c.state_directory, "/srv/larder");
  EXPECT_EQ(c.log_level, log::Level::debug);
  EXPECT_EQ(c.idle_exit, std::chrono::minutes(90));
  EXPECT_EQ(c.admins, (std::vector<std::string>{"anna", "1001"}));
  EXPECT_EQ(c.socket_mode, "0660");
  EXPECT_EQ(c.http_port, 7480);
  EXPECT_EQ(c.cache_max_size, 3 * kGiB / 2);
  EXPECT_EQ(c.cache_keep_free, 10 * kMiB);
  EXPECT_EQ(c.cache_max_age, std::chrono::hours(24 * 30));
  EXPECT_EQ(c.max_rate, 10 * kMiB);
  EXPECT_EQ(c.stall_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(c.proxy, "socks5h://proxy.example:1080");
  EXPECT_TRUE(c.url_policy.redirect_downgrade);
  EXPECT_EQ(c.url_policy.deny_hosts.size(), 2U);
  EXPECT_FALSE(c.peer_enabled);
  EXPECT_EQ(c.peer_port, 0);
  EXPECT_EQ(c.swarm_port, 7476);
  EXPECT_EQ(c.peer_listen, (std::vector<std::string>{"127.0.0.2", "::1"}));
  EXPECT_EQ(c.peer_addresses.size(), 2U);
  EXPECT_EQ(c.peer_srv, "_larder._udp.office.example");
  EXPECT_FALSE(c.peer_encryption);
  EXPECT_EQ(c.peer_metered, Metered::yes);
  EXPECT_EQ(c.peer_min_battery, 100U);
  EXPECT_EQ(c.peer_min_size, 64 * kKiB);
  EXPECT_EQ(c.peer_never_share.size(), 2U);
  EXPECT_EQ(c.peer_min_rate, 0U);
  EXPECT_EQ(c.trust_min_attesters, 2U);
  ASSERT_EQ(c.hooks.size(), 2U);
  EXPECT_EQ(c.hooks[0].name, "scan");
  EXPECT_EQ(c.hooks[0].command, (std::vector<std::string>{"/usr/bin/scan", "--quiet"}));
  EXPECT_EQ(c.hooks[0].timeout, std::chrono::seconds(30));
  EXPECT_EQ(c.hooks[1].timeout, std::chrono::minutes(5));
  ASSERT_EQ(c.notify_commands.size(), 1U);
  EXPECT_EQ(c.notify_commands[0].name, "mail");
  // What is shown is taken back and means the same.
  const std::string shown = config_as_toml(c);
  const auto again = parse_config(shown, "shown");
  ASSERT_TRUE(again) << again.error().text() << shown;
  EXPECT_EQ(config_as_toml(**again), shown);
  EXPECT_EQ((*again)->idle_exit, c.idle_exit);
  EXPECT_EQ((*again)->cache_max_size, c.cache_max_size);
}

struct Bad {
  const char* toml;
  const char* message;
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedWithItsLine) {
  EXPECT_THAT(error_of(GetParam().toml), HasSubstr(GetParam().message)) << GetParam().toml;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    testing::Values(
        Bad{"[cache]\n\nmax_sise = 1", "t.toml:3: unknown key \"cache.max_sise\"; did you mean \"max_size\"?"},
        Bad{"[cahce]\nmax_size = 1", "t.toml:1: unknown section \"cahce\"; did you mean \"cache\"?"},
        Bad{"max_size = \"1 GiB\"", "t.toml:1: unknown key \"max_size\"; it belongs under [cache]"},
        Bad{"[cache]\nzzzzzzzz = 1", "docs/configuration.md has all keys"},
        Bad{"cache = 3", "\"cache\" must be a section: write [cache]"},
        Bad{"[[cache]]\nmax_size = 1", "must be a section"},
        Bad{"[cache]\nmax_size = \"much\"", "t.toml:2: \"cache.max_size\" must be a size"},
        Bad{"[cache]\nmax_size = -1", "must not be negative"}, Bad{"[cache]\nmax_size = 12", "must be in the range"},
        Bad{"[cache]\nmax_size = true", "must be a size"}, Bad{"[cache]\nmax_size = 1.5", "must be a size"},
        Bad{"[cache]\nmax_size = 1979-05-27", "must be a size"},
        Bad{"[cache]\nmax_age = 30", "must be a duration with its unit"},
        Bad{"[cache]\nmax_age = \"0s\"", "must be in the range"}, Bad{"[cache]\nmax_age = \"-5s\"", "must be"},
        Bad{"[cache]\nmax_age = [\"1h\"]", "must be a duration"},
        Bad{"[origin]\nmax_rate = \"10\"", "t.toml:2: \"origin.max_rate\" must be"},
        Bad{"[origin]\nmax_rate = 10", "must be a rate with its unit"},
        Bad{"[origin]\nproxy = \"ftp://x:1\"", "must be of the scheme"},
        Bad{"[origin]\nproxy = \"proxy:3128\"", "must be a URL"},
        Bad{"[origin]\nproxy = \"http://\"", "must be a URL with a host"},
        Bad{"[origin]\nproxy = \"http://p:1/path\"", "a proxy has no path"},
        Bad{"[origin]\nca_file = \"ca.pem\"", "must be an absolute path"},
        Bad{"[origin]\nallow_private = \"yes\"", "must be true or false, without quotes"},
        Bad{"[origin]\nallow_private = 1", "must be true or false"},
        Bad{"[origin]\nmax_redirects = 51", "must be a whole number from 0 to 50"},
        Bad{"[origin]\nmax_redirects = 1.0", "must be a whole number"},
        Bad{"[origin]\ndeny_hosts = \"x\"", "must be a list of texts"},
        Bad{"[origin]\ndeny_hosts = [1]", "must be a list of hosts"},
        Bad{"[origin]\ndeny_hosts = [\"a b\"]", "must be host names"},
        Bad{"[origin]\ndeny_hosts = [[\"a\"]]", "must be a list of hosts"},
        Bad{"[api]\nhttp_port = 65536", "must be a whole number from 0 to 65535"},
        Bad{"[api]\nhttp_port = 18446744073709551617", "t.toml:2"},
        Bad{"[api]\nsocket_mode = \"666\"", "four octal digits"},
        Bad{"[api]\nsocket_mode = 666", "must be text in quotes"},
        Bad{"[api]\nsocket_mode = \"0066\"", "agent's own user"},
        Bad{"[api]\nadmins = [\"a:b\"]", "must be user names"},
        Bad{"[agent]\nstate_directory = \"here\"", "must be an absolute path"},
        Bad{"[agent]\nstate_directory = \"/a\\nb\"", "control characters"},
        Bad{"[agent]\nlog_level = \"loud\"", "must be one of"}, Bad{"[agent]\nlog_level = { a = 1 }", "must be a word"},
        Bad{"[jobs]\nmax_jobs = 0", "from 1 to 100000"},
        Bad{"[jobs]\nmax_jobs = 10\nmax_jobs_per_user = 11",
            "t.toml:3: \"jobs.max_jobs_per_user\" (11) must be at most"},
        Bad{"[jobs]\nmax_jobs = 10", "t.toml:2: \"jobs.max_jobs_per_user\" (60) must be at most"},
        Bad{"[peer]\nport = 70000", "0 to 65535"},
        Bad{"[peer]\nport = 7000\nswarm_port = 7000", "t.toml:3: \"peer.swarm_port\" (7000) must differ"},
        Bad{"[peer]\nport = 7476", "t.toml:2: \"peer.swarm_port\" (7476) must differ"},
        Bad{"[peer]\nlisten = [\"eth0\"]", "must be addresses of this machine in numbers"},
        Bad{"[peer]\nlisten = [\"127.0.0.1:7475\"]", "must be addresses of this machine in numbers"},
        Bad{"[peer]\naddresses = [\"pc7\"]", "must be \"host:port\""},
        Bad{"[peer]\naddresses = [\"2001:db8::7:1\"]", "must be \"host:port\""},
        Bad{"[peer]\nsrv = \"a b\"", "must be a DNS name"},
        Bad{"[peer]\nencryption = \"maybe\"", "must be one of \"on\", \"off\""},
        Bad{"[peer]\nmetered = \"maybe\"", "must be one of \"auto\", \"yes\", \"no\""},
        Bad{"[peer]\nmin_battery = 101", "0 to 100"}, Bad{"[peer]\nmin_rate = \"unlimited\"", "or \"off\""},
        Bad{"[peer]\nnever_share = [\"intranet.example/*\"]", "must start with"},
        Bad{"[peer]\nnever_share = [\"\"]", "must start with"},
        Bad{"[peer]\nnever_share = [\"https://a/ b\"]", "must not have spaces"},
        Bad{"[trust]\nmin_attesters = 0", "1 to 16"}, Bad{"[hook]\nname = \"a\"", "must be written [[hook]]"},
        Bad{"hook = [1]", "must be written [[hook]]"}, Bad{"[[hook]]\nname = \"a\"", "[[hook]] needs \"command\""},
        Bad{"[[hook]]\ncommand = [\"/bin/true\"]", "[[hook]] needs \"name\""},
        Bad{"[[hook]]\nname = \"a b\"\ncommand = [\"/bin/true\"]", "must be 1 to 64 letters"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = [\"true\"]", "\"true\" is relative"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = [\"./x\"]", "is relative"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = [\"\"]", "is relative"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = []", "must have 1 to 64 elements"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = \"/bin/true\"", "must be a list of texts"},
        Bad{"[[hook]]\nname = \"a\"\ncomand = [\"/bin/true\"]",
            "unknown key \"[[hook]] comand\"; did you mean \"command\"?"},
        Bad{"[[hook]]\nname = \"a\"\ncommand = [\"/x\"]\n[[hook]]\nname = \"a\"\ncommand = [\"/y\"]",
            "t.toml:4: two of [[hook]] have the name \"a\""},
        Bad{"[[notify]]\nname = \"a\"\ncommand = [\"x\"]", "is relative"},
        Bad{"[cache]\nmax_size = \"1 GiB\"\nmax_size = \"2 GiB\"", "t.toml:3"}, Bad{"[cache]\nmax_size = ", "t.toml:2"},
        Bad{"[.a]\n", "t.toml:1"}, Bad{"ä = 1", "t.toml:1"}, Bad{"[cache]\nmax_size = \"1 GiB\" \uFEBF", "t.toml:2"},
        Bad{"[cache]\n\u3001max_size = 1", "t.toml:2"}, Bad{"[cache\n", "t.toml:1"}, Bad{"\"\\x\" = 1", "t.toml:1"},
        Bad{"\xff\xfe", "t.toml:1"}));

TEST(Config, ManyLevelsAreRefusedNotFollowed) {
  const std::string arrays = "a = " + std::string(3000, '[') + std::string(1, '1') + std::string(1000, ']');
  EXPECT_THAT(error_of(arrays), HasSubstr("t.toml:1"));
  std::string dots = "a";
  for (int i = 0; i < 400'000; ++i) dots += ".a";
  EXPECT_THAT(error_of(dots + " = 1"), HasSubstr("line is longer than"));
  EXPECT_THAT(error_of("[" + dots + "]"), HasSubstr("line is longer than"));
  std::string short_dots = "a";
  for (int i = 0; i < 2000; ++i) short_dots += ".a";
  EXPECT_THAT(error_of("[" + short_dots + "]\n" + short_dots + " = 1\n"), HasSubstr("unknown section \"a\""));
  // Arrays over many lines.
  std::string lines = "a = ";
  for (int i = 0; i < 100'000; ++i) lines += "[\n";
  EXPECT_THAT(error_of(lines), HasSubstr("t.toml:"));
}

TEST(Config, SizeAndNumberAreBounded) {
  EXPECT_THAT(error_of(std::string(kMaxConfigFile + 1, '\n')), HasSubstr("larger than 1048576 bytes"));
  EXPECT_EQ(error_of(std::string(kMaxConfigFile, '\n')), "accepted");
  std::string hooks;
  for (int i = 0; i < 65; ++i) hooks += "[[hook]]\nname = \"h" + std::to_string(i) + "\"\ncommand = [\"/x\"]\n";
  EXPECT_THAT(error_of(hooks), HasSubstr("more than 64 of [[hook]]"));
}

TEST(Config, PasswordOfAProxyIsNotShown) {
  const auto config = parse_config("[origin]\nproxy = \"http://anna:secret@p:3128\"", "t.toml");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ((*config)->proxy, "http://anna:secret@p:3128");
  const std::string shown = config_as_toml(**config);
  EXPECT_THAT(shown, testing::Not(HasSubstr("secret")));
  EXPECT_THAT(shown, HasSubstr("http://anna:***@p:3128"));
}

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "larder-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    std::remove(path().c_str());
    rmdir(directory_.c_str());
  }
  [[nodiscard]] std::string path() const { return directory_ + "/larder.toml"; }
  std::string directory_;
};

TEST_F(ConfigFile, AbsentIsAnErrorOrTheDefaultsAsTheCallerSays) {
  const auto named = load_config(path());
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, ErrorCode::not_found);
  EXPECT_THAT(named.error().text(), HasSubstr(path()));
  EXPECT_TRUE(load_config_or_defaults(path()));
}

TEST_F(ConfigFile, IsReadAndItsErrorsNameIt) {
  std::ofstream(path()) << "[api]\nhttp_port = 1234\n";
  const auto good = load_config(path());
  ASSERT_TRUE(good);
  EXPECT_EQ((*good)->http_port, 1234);
  std::ofstream(path()) << "[api]\nhttp_prot = 1234\n";
  for (const auto& bad : {load_config(path()), load_config_or_defaults(path())}) {
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().text(), HasSubstr(path() + ":2: unknown key \"api.http_prot\""));
  }
  std::ofstream(path()) << std::string(2 * kMaxConfigFile, '#');
  EXPECT_FALSE(load_config(path()));
  EXPECT_FALSE(load_config(directory_));  // a directory
}

// Read with the rights of the agent, once, and never waited for.
TEST_F(ConfigFile, AuthoritiesAreReadAsTextFromARegularFile) {
  const auto read = [](const std::string& file) {
    Config config;
    config.ca_file = file;
    const Status status = read_authorities(config);
    return status ? "text: " + config.ca_certificates : status.error().text();
  };
  EXPECT_EQ(read(""), "text: ");
  std::ofstream(path()) << test::kAuthority;
  EXPECT_EQ(read(path()), "text: " + test::kAuthority);
  std::ofstream(path()) << test::kAuthority << test::kPrivateKey;
  EXPECT_THAT(read(path()), HasSubstr("private key"));
  std::ofstream(path()) << std::string(600'000, '#');
  EXPECT_THAT(read(path()), HasSubstr("larger than 524288 bytes"));
  std::remove(path().c_str());
  EXPECT_THAT(read(path()), HasSubstr("No such file"));
  EXPECT_THAT(read(directory_), HasSubstr("directory"));
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(read(path()), HasSubstr("pipe or device"));
  EXPECT_FALSE(load_config(path()));  // nor is the configuration itself
}

TEST(ConfigDocument, HasTheTable) {
  std::ifstream file(LARDER_SOURCE_DIR "/docs/configuration.md");
  ASSERT_TRUE(file) << "docs/configuration.md is missing";
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("<!-- table -->\n" + config_as_markdown() + "<!-- end of table -->"))
      << "put the output of larder_config_doc between the marks of docs/configuration.md";
}

TEST(ConfigDocument, ItsExampleIsValid) {
  std::ifstream file(LARDER_SOURCE_DIR "/docs/configuration.md");
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string text = stream.str();
  std::size_t examples = 0;
  for (std::size_t at = text.find("```toml\n"); at != std::string::npos; at = text.find("```toml\n", at + 1)) {
    const std::size_t start = at + 8;
    const auto config = parse_config(text.substr(start, text.find("```", start) - start), "docs/configuration.md");
    EXPECT_TRUE(config) << (config ? "" : config.error().text());
    ++examples;
  }
  EXPECT_GE(examples, 1U);
}

}  // namespace
}  // namespace larder::agent

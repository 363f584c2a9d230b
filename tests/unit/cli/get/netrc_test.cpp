#include "agent/cli/get/netrc.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

std::string found(const char* text, const char* host, const char* user = "") {
  const auto entries = parse_netrc(text, "n");
  if (!entries) return "error: " + entries.error().text();
  const NetrcEntry* entry = netrc_entry(*entries, host, user);
  return entry == nullptr ? "none" : entry->login + ":" + entry->password;
}

TEST(Netrc, FindsTheHostsEntry) {
  struct Row {
    const char* text;
    const char* host;
    const char* user;
    const char* found;
  };
  const Row rows[] = {
      {"machine a login me password pw", "a", "", "me:pw"},
      {"machine a login me password pw", "b", "", "none"},
      {"machine a login me password pw", "aa", "", "none"},
      {"machine a login me password pw", "sub.a", "", "none"},
      {"machine a\n\tlogin me\n\tpassword pw\n", "a", "", "me:pw"},
      {"machine\na\nlogin\nme\npassword\npw", "a", "", "me:pw"},
      {"machine a\r\nlogin me\r\npassword pw\r\n", "a", "", "me:pw"},
      {"machine A.Example login me password pw", "a.example", "", "me:pw"},
      {"machine bücher.example login me password pw", "xn--bcher-kva.example", "", "me:pw"},
      {"machine ::1 login me password pw", "::1", "", "me:pw"},
      {"machine 127.1 login me password pw", "127.0.0.1", "", "me:pw"},
      {"machine a password pw login me", "a", "", "me:pw"},
      {"machine a login me", "a", "", "me:"},
      {"machine a password pw", "a", "", ":pw"},
      {"machine a machine b login me password pw", "a", "", "none"},
      {"machine a login one password 1 machine a login two password 2", "a", "", "one:1"},
      {"machine a login one password 1 machine a login two password 2", "a", "two", "two:2"},
      {"machine a login one password 1", "a", "two", "none"},
      {"machine a login one password 1 default login d password p", "b", "", "d:p"},
      {"machine a login one password 1 default login d password p", "a", "", "one:1"},
      {"default login d password p machine a login one password 1", "a", "", "d:p"},
      {"machine a login me account x password pw", "a", "", "me:pw"},
      {"machine a login me account password password pw", "a", "", "me:pw"},
      {"machine a login password password machine", "a", "", "password:machine"},
      {"machine a login \"m e\" password \"p\\\"w\\\\ x\"", "a", "", "m e:p\"w\\ x"},
      {"machine a login me password p#w", "a", "", "me:p#w"},
      {"# machine a login not password this\nmachine a login me password pw", "a", "", "me:pw"},
      {"  # machine a login not password this\nmachine a login me password pw", "a", "", "me:pw"},
      {"machine a login me password pw\nmacdef init\nmachine b login x password y\ncd /\n\nmachine c login z password "
       "w",
       "b", "", "none"},
      {"machine a login me password pw\nmacdef init\nmachine b login x password y\ncd /\n\nmachine c login z password "
       "w",
       "c", "", "z:w"},
      {"machine a login me password pw macdef x\n\n", "a", "", "me:pw"},
      {"port 21 machine a login me password pw", "a", "", "me:pw"},
      {"", "a", "", "none"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(found(row.text, row.host, row.user), row.found) << row.text << " for " << row.host;
}

TEST(Netrc, RefusesWhatIsCutOffAndQuotesNothing) {
  for (const char* text : {"machine a login me password", "machine", "machine a account", "login hunter2",
                           "machine a password \"hunter2", "machine a login me password \"hunter2\\\""}) {
    const std::string answer = found(text, "a");
    EXPECT_TRUE(answer.starts_with("error: cannot read n: ")) << text << " -> " << answer;
    EXPECT_EQ(answer.find("hunter2"), std::string::npos);
  }
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "machine a ";
  EXPECT_FALSE(parse_netrc(many, "n"));
}

TEST(Netrc, TellsOfRightsOfOthers) {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/netrc";
  test::write_file(path, "machine a login b password c\n");
  ::chmod(path.c_str(), 0600);
  EXPECT_FALSE(netrc_warning(path));
  for (const mode_t mode : {0644U, 0640U, 0602U, 0610U}) {
    ::chmod(path.c_str(), mode);
    const auto told = netrc_warning(path);
    ASSERT_TRUE(told) << mode;
    EXPECT_NE(told->find("chmod 600"), std::string::npos);
  }
  EXPECT_FALSE(netrc_warning(directory.path() + "/none"));
}

}  // namespace
}  // namespace larder::agent

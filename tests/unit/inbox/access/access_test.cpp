#include "inbox/access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

using testing::HasSubstr;

ServerConfig config_with(const std::string& name, const std::string& token) {
  ServerConfig config;
  config.principals.push_back({name, {to_hex(sha256(as_bytes(token)))}});
  return config;
}

http::RequestHead head_with(std::vector<std::string> authorizations) {
  http::RequestHead head;
  for (std::string& value : authorizations) head.fields.push_back({"authorization", std::move(value)});
  return head;
}

std::string basic(const std::string& pair) {
  return "Basic " + to_base64(as_bytes(pair));
}

// The name of who it is, or the problem.
std::string identified(std::vector<std::string> authorizations) {
  ServerConfig config = config_with("anna", "secret:with colon");
  config.principals.push_back({"berta", {to_hex(sha256(as_bytes("one"))), to_hex(sha256(as_bytes("two")))}});
  const auto who = Access(config).identify(head_with(std::move(authorizations)));
  if (who) return who->name;
  EXPECT_EQ(who.error().problem, Problem::unauthorized);
  EXPECT_THAT(who.error().detail, HasSubstr("cannot"));
  EXPECT_THAT(who.error().detail, testing::Not(HasSubstr("secret")));
  return "nobody";
}

TEST(Access, WhoProvesToBeWhom) {
  struct Case {
    const char* what;
    std::vector<std::string> fields;
    const char* who;
  };
  const std::vector<Case> cases = {
      {"no credentials", {}, "anybody"},
      {"a token", {"Bearer secret:with colon"}, "anna"},
      {"a scheme in other letters", {"bEARER one"}, "berta"},
      {"another token of hers", {"Bearer two"}, "berta"},
      {"blanks around it", {"Bearer   two "}, "berta"},
      {"a name and its token", {basic("anna:secret:with colon")}, "anna"},
      {"another's token", {basic("berta:secret:with colon")}, "nobody"},
      {"another's name", {basic("anna:one")}, "nobody"},
      {"a wrong token", {"Bearer secret"}, "nobody"},
      {"no token", {"Bearer "}, "nobody"},
      {"a scheme alone", {"Bearer"}, "nobody"},
      {"an empty field", {""}, "nobody"},
      {"no colon", {basic("secret:with colon").substr(0, 6) + to_base64(as_bytes("two"))}, "nobody"},
      {"no base64", {"Basic %%%"}, "nobody"},
      {"another scheme", {"Digest one"}, "nobody"},
      {"two fields", {"Bearer one", "Bearer one"}, "nobody"},
      {"a digest in place of the token", {"Bearer " + to_hex(sha256(as_bytes("one")))}, "nobody"},
      {"a huge token", {"Bearer " + std::string(100'000, 'a')}, "nobody"},
      {"a huge pair", {"Basic " + std::string(100'000, 'a')}, "nobody"},
  };
  for (const Case& each : cases) EXPECT_EQ(identified(each.fields), each.who) << each.what;
}

TEST(Access, WhoMayUploadWhere) {
  InboxConfig open, closed;
  open.principals = {"anybody"};
  closed.principals = {"anna"};
  const Principal anybody{"anybody"}, anna{"anna"}, berta{"berta"};
  EXPECT_FALSE(Access::refusal(anybody, open));
  EXPECT_FALSE(Access::refusal(anna, open));
  EXPECT_FALSE(Access::refusal(anna, closed));
  EXPECT_EQ(Access::refusal(anybody, closed)->problem, Problem::unauthorized) << "credentials could help";
  EXPECT_EQ(Access::refusal(berta, closed)->problem, Problem::forbidden);
}

TEST(Access, ATokenIsLongAndNewEachTime) {
  EXPECT_EQ(new_token().size(), 64U);
  EXPECT_NE(new_token(), new_token());
}

}  // namespace
}  // namespace larder::inbox

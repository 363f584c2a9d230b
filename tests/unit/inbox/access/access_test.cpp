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

Digest digest_of(const char* text) {
  return sha256(as_bytes(text));
}

// Who a connection with this certificate is.
std::string certified(const http::PeerCertificate& certificate, std::vector<std::string> authorizations = {}) {
  ServerConfig config = config_with("anna", "token");
  config.principals[0].certificate_sha256 = {to_hex(digest_of("annas"))};
  config.principals.push_back({"build", {}, {}, {"dns:build7.example", "uri:spiffe://example/build"}});
  config.principals.push_back({"other", {}, {}, {"dns:other.example"}});
  const auto who = Access(config).identify(head_with(std::move(authorizations)), certificate);
  if (who) return who->name;
  EXPECT_EQ(who.error().problem, Problem::unauthorized);
  return "nobody";
}

TEST(Access, ACertificateProvesWhomTheConfigurationSays) {
  const Digest unknown = digest_of("unknown");
  EXPECT_EQ(certified({digest_of("annas"), {}}), "anna");
  EXPECT_EQ(certified({unknown, {"dns:build7.example"}}), "build");
  EXPECT_EQ(certified({unknown, {"email:x@example", "uri:spiffe://example/build", "dns:build7.example"}}), "build");
  EXPECT_EQ(certified({digest_of("annas"), {"dns:build7.example"}}), "anna") << "the certificate itself says more";
  EXPECT_EQ(certified({unknown, {}}), "nobody") << "of a known authority alone";
  EXPECT_EQ(certified({unknown, {"dns:build8.example", "dns:build7.example.evil", "email:build7.example"}}), "nobody");
  EXPECT_EQ(certified({unknown, {"dns:build7.example", "dns:other.example"}}), "nobody") << "of two";
}

TEST(Access, ATokenComesBeforeTheCertificateOfWhoRelaysIt) {
  EXPECT_EQ(certified({digest_of("unknown"), {"dns:build7.example"}}, {"Bearer token"}), "anna");
  EXPECT_EQ(certified({digest_of("unknown"), {"dns:build7.example"}}, {"Bearer wrong"}), "nobody");
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

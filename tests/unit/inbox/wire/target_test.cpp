#include "inbox/wire/target.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

std::string parsed(const std::string& target) {
  http::RequestHead head;
  head.method = "PUT";
  head.target = target;
  if (target.rfind("http", 0) == 0) head.form = http::TargetForm::absolute;
  const auto found = parse_target(head);
  if (!found) {
    EXPECT_EQ(found.error().problem, Problem::bad_request);
    return found.error().status == 0 ? "400" : std::to_string(found.error().status);
  }
  constexpr std::array kKinds = {"collection", "file", "upload", "reply", "state", "server"};
  return std::string(kKinds.at(static_cast<std::size_t>(found->kind))) + "|" + found->inbox + "|" + found->key + "|" +
         found->name + "|" + found->id;
}

TEST(target, paths_of_the_inbox) {
  EXPECT_EQ(parsed("/in/box/"), "collection|box|||");
  EXPECT_EQ(parsed("/in/box/?x=/y/z"), "collection|box|||");
  EXPECT_EQ(parsed("/in/box/order-7/f.bin"), "file|box|order-7|f.bin|");
  EXPECT_EQ(parsed("/in/box/order%2D7/two%20words.bin?v=1"), "file|box|order-7|two words.bin|");
  EXPECT_EQ(parsed("/in/box/k/%C3%A9t%c3%a9"), "file|box|k|\xC3\xA9t\xC3\xA9|");
  EXPECT_EQ(parsed("/up/abc"), "upload||||abc");
  EXPECT_EQ(parsed("/up/abc/state"), "state||||abc");
  EXPECT_EQ(parsed("/reply/abc"), "reply||||abc");
  EXPECT_EQ(parsed("*"), "server||||");
  EXPECT_EQ(parsed("http://inbox.example:80/in/box/k/n"), "file|box|k|n|");
  EXPECT_EQ(parsed("http://inbox.example/up/abc?x"), "upload||||abc");
}

TEST(target, other_paths_are_none) {
  for (const char* const path : {"/",
                                 "/in",
                                 "/in/",
                                 "/in/box",
                                 "/in/box/key",
                                 "/in/box/key/",
                                 "/in/box/key/name/",
                                 "/in/box/key/a/b",
                                 "/in//key/n",
                                 "/in/.hidden/k/n",
                                 "/in/a b/k/n",
                                 "/in/b%C3%A9/",
                                 "/up",
                                 "/up/",
                                 "/up/a/",
                                 "/up/a/state/",
                                 "/up/a/other",
                                 "/up/../x",
                                 "/up/a_b",
                                 "/reply",
                                 "/reply/",
                                 "/reply/a/b",
                                 "/IN/box/",
                                 "/inx/box/",
                                 "http://inbox.example",
                                 "http://inbox.example?x",
                                 "/up/a/state/more",
                                 "/a/b/c/d/e/f"})
    EXPECT_TRUE(parsed(path) == "404" || parsed(path) == "400") << path << " " << parsed(path);
  EXPECT_EQ(parsed("/in/box/key"), "404");
  EXPECT_EQ(parsed("/in/box/key/"), "400");
}

// A name is for the application to show: whoever makes a file of it must not find a path in it.
TEST(target, a_name_is_never_a_path) {
  for (const char* const path : {"/in/box/k/..", "/in/box/k/.", "/in/box/k/%2e%2e", "/in/box/k/a%2Fb",
                                 "/in/box/k/a%2fb", "/in/box/k/a%5Cb", "/in/box/k/%00", "/in/box/k/a%0d%0ab",
                                 "/in/box/k/%7f", "/in/box/k/%ff", "/in/box/k/%c0%af", "/in/box/..%2f..%2fk/n"})
    EXPECT_EQ(parsed(path), "400") << path;
}

TEST(target, an_escape_is_two_digits) {
  for (const char* const path :
       {"/in/box/k/%", "/in/box/k/%4", "/in/box/k/%zz", "/in/box/k/%4g", "/in/box/k/a%", "/in/%/k/n"})
    EXPECT_EQ(parsed(path), "400") << path;
  EXPECT_EQ(parsed("/in/box/k/%2525"), "file|box|k|%25|");  // decoded once
}

TEST(target, parts_are_bounded) {
  const auto file = [](std::size_t inbox, std::size_t key, std::size_t name) {
    return parsed("/in/" + std::string(inbox, 'i') + "/" + std::string(key, 'k') + "/" + std::string(name, 'n'));
  };
  EXPECT_EQ(file(kMaxInboxBytes, kMaxKey, kMaxName).substr(0, 4), "file");
  EXPECT_EQ(file(kMaxInboxBytes + 1, 1, 1), "404");
  EXPECT_EQ(file(1, kMaxKey + 1, 1), "400");
  EXPECT_EQ(file(1, 1, kMaxName + 1), "400");
  EXPECT_EQ(parsed("/up/" + std::string(kMaxIdBytes, 'a')).substr(0, 6), "upload");
  EXPECT_EQ(parsed("/up/" + std::string(kMaxIdBytes + 1, 'a')), "404");
  EXPECT_EQ(parsed("/in/box/k/" + std::string(2048, 'n')), "414");
}

TEST(target, keys) {
  EXPECT_TRUE(is_key("5c1a7e0e-9b1c-4b4e-8f6a-3d0f6c6c2f11"));
  EXPECT_TRUE(is_key("order:7@shop=1,2;a+b~!"));
  for (const char* const key : {"", "two words", "a\"b", "a/b", "a\\b", "\xC3\xA9", "a\tb"})
    EXPECT_FALSE(is_key(key)) << key;
}

TEST(target, the_url_that_was_asked_for) {
  http::RequestHead head;
  head.target = "/in/box/k/n?x=1";
  head.authority = "inbox.example:8080";
  EXPECT_EQ(asked_url(head, "", "https"), "https://inbox.example:8080/in/box/k/n?x=1");
  EXPECT_EQ(asked_url(head, "https://front.example", "http"), "https://front.example/in/box/k/n?x=1");
  head.form = http::TargetForm::absolute;
  head.target = "http://inbox.example:8080/in/box/k/n";
  EXPECT_EQ(asked_url(head, "", "http"), "http://inbox.example:8080/in/box/k/n");
}

}  // namespace
}  // namespace larder::inbox

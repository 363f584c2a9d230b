#include "agent/config/config_table.h"

#include <gtest/gtest.h>

#include <set>

#include "agent/config/proxy_url.h"

namespace larder::agent {
namespace {

template <class Target>
void expect_complete(const std::vector<ConfigRow<Target>>& rows) {
  std::set<std::string> seen;
  for (const auto& row : rows) {
    const std::string name = row.key.section + "." + row.key.name;
    EXPECT_TRUE(seen.insert(name).second) << name << " twice";
    for (const std::string* text : {&row.key.kind, &row.key.unit, &row.key.range, &row.key.meaning})
      EXPECT_FALSE(text->empty()) << name;
    EXPECT_EQ(row.key.meaning.back(), '.') << name;
    EXPECT_EQ(row.key.meaning.find('|'), std::string::npos) << name;
    EXPECT_EQ(row.required, row.key.default_text.empty()) << name;
    if (!row.required) {
      EXPECT_EQ(row.get(Target{}), row.key.default_text) << name;
    }
    // Nothing takes every kind of value.
    Target target;
    EXPECT_TRUE(row.set(target, ConfigValue(2.5))) << name;
    EXPECT_TRUE(row.set(target, ConfigValue(std::int64_t{-1}))) << name;
    EXPECT_TRUE(row.set(target, ConfigValue(std::string("\x01")))) << name;
    EXPECT_EQ(row.get(target), row.get(Target{})) << name << ": a refused value was taken";
  }
}

TEST(ConfigTable, EveryRowIsWholeAndRefusesNonsense) {
  expect_complete(config_rows());
  expect_complete(hook_rows());
  expect_complete(notify_rows());
}

// Every member of Config is a row: a new member without one changes this count and must be looked at.
TEST(ConfigTable, HasTheMembersOfConfig) {
  EXPECT_EQ(config_rows().size(), 55U);
  EXPECT_EQ(config_keys().size(), config_rows().size() + 6);
}

TEST(ConfigTable, NearestName) {
  const std::vector<std::string> known = {"max_size", "max_age", "keep_free"};
  EXPECT_EQ(nearest_name("max_sise", known), "max_size");
  EXPECT_EQ(nearest_name("maxsize", known), "max_size");
  EXPECT_EQ(nearest_name("keep-free", known), "keep_free");
  EXPECT_EQ(nearest_name("colour", known), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(10'000, 'x'), known), std::nullopt);
  EXPECT_EQ(nearest_name("", known), std::nullopt);
}

TEST(ProxyUrl, Check) {
  for (const char* good : {"", "none", "http://p", "http://p:3128", "https://[::1]:3128/", "socks5h://u:p@h:1080"})
    EXPECT_EQ(check_proxy(good), std::nullopt) << good;
  for (const char* bad : {"p", "p:3128", "://", "http://", "file:///etc", "http://p:99999", "http://p/x", "http://p?q",
                          "http://a:#z@c:1", "http://p:1/.@x/..", "http://p\r\nX: y", "HTTP//p"})
    EXPECT_NE(check_proxy(bad), std::nullopt) << bad;
}

TEST(ProxyUrl, Shown) {
  EXPECT_EQ(shown_proxy("http://u:p@h:1"), "http://u:***@h:1");
  EXPECT_EQ(shown_proxy("http://u:p@w@h:1"), "http://u:***@h:1");
  EXPECT_EQ(shown_proxy("http://u@h:1"), "http://u@h:1");
  EXPECT_EQ(shown_proxy("http://h:1"), "http://h:1");
  EXPECT_EQ(shown_proxy("none"), "none");
}

}  // namespace
}  // namespace larder::agent

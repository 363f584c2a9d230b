#include "inbox/wire/metadata.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

std::string base64(std::string_view text) {
  return to_base64(as_bytes(text));
}
// "name|key", "400" for a fault.
std::string read(const std::string& value) {
  const auto found = parse_metadata(value);
  return found ? found->name + "|" + found->key : "400";
}

TEST(metadata, names_and_keys) {
  EXPECT_EQ(read(""), "|");
  EXPECT_EQ(read("filename " + base64("world domination.pdf") + ",is_confidential"), "world domination.pdf|");
  EXPECT_EQ(read("name " + base64("n") + ", filename " + base64("f")), "f|");
  EXPECT_EQ(read("name " + base64("n") + ",filename"), "n|");
  EXPECT_EQ(read("larder-key " + base64("order-7") + ",type dGV4dC9wbGFpbg=="), "|order-7");
  EXPECT_EQ(read("binary " + base64(std::string("\0\xff", 2))), "|");
  EXPECT_EQ(read("empty ,other"), "|");
}

TEST(metadata, that_is_none) {
  for (const std::string& value :
       {std::string(","), std::string("a,,b"), std::string(" "), std::string("a,a"), std::string("a dg==,a"),
        std::string("a dg"), std::string("a *"), std::string("a  dg=="), std::string("a dg== x"),
        std::string("\xC3\xA9 dg=="), std::string("a\tb dg==")})
    EXPECT_EQ(read(value), "400") << value;
}

TEST(metadata, a_name_is_never_a_path) {
  for (const std::string_view name :
       {std::string_view("../../etc/passwd"), std::string_view("a/b"), std::string_view("a\\b"), std::string_view(".."),
        std::string_view("a\0b", 3), std::string_view("a\nb"), std::string_view("\xff")})
    EXPECT_EQ(read("filename " + base64(name)), "400") << name;
  EXPECT_EQ(read("filename " + base64(std::string(255, 'n'))), std::string(255, 'n') + "|");
  EXPECT_EQ(read("filename " + base64(std::string(256, 'n'))), "400");
}

TEST(metadata, is_bounded) {
  std::string many = "k0";
  for (std::size_t i = 1; i < kMaxMetadataPairs; ++i) many += ",k" + std::to_string(i);
  EXPECT_EQ(read(many), "|");
  EXPECT_EQ(read(many + ",more"), "400");
  EXPECT_EQ(read("k " + std::string(kMaxMetadataBytes - 4, 'A')), "|");
  EXPECT_EQ(read("k " + std::string(kMaxMetadataBytes, 'A')), "400");
  EXPECT_EQ(read("larder-key " + base64(std::string(129, 'k'))), "400");
  EXPECT_EQ(read("larder-key " + base64("a b")), "400");
}

std::string key(http::Fields fields) {
  http::RequestHead head;
  head.fields = std::move(fields);
  const auto found = idempotency_key(head);
  return found ? *found : "400";
}

TEST(metadata, idempotency_keys) {
  EXPECT_EQ(key({}), "");
  EXPECT_EQ(key({{"Idempotency-Key", "\"8e03978e-40d5\""}}), "8e03978e-40d5");
  EXPECT_EQ(key({{"idempotency-key", "8e03978e-40d5"}}), "8e03978e-40d5");
  for (const std::string& value :
       {std::string(), std::string("\"\""), std::string("\""), std::string("\"a"), std::string("a\""),
        std::string("a b"), std::string("\"a\";p"), std::string(129, 'k'), std::string("../x")})
    EXPECT_EQ(key({{"Idempotency-Key", value}}), "400") << value;
  EXPECT_EQ(key({{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}}), "400");
}

}  // namespace
}  // namespace larder::inbox

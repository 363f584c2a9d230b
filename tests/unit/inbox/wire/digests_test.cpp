#include "inbox/wire/digests.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

const std::string kSeven = to_base64(test::digest_of(7)), kEight = to_base64(test::digest_of(8));
const std::string kSha1 = to_base64(std::vector<std::byte>(20, std::byte{1}));

http::RequestHead with(http::Fields fields) {
  http::RequestHead head;
  head.fields = std::move(fields);
  return head;
}

// "7" or "8": that digest; "-": none; "400": a fault.
std::string read(const std::string& value) {
  const auto digest = digest_field(with({{"Repr-Digest", value}}), "Repr-Digest");
  if (!digest) return "400";
  if (!*digest) return "-";
  return **digest == test::digest_of(7) ? "7" : **digest == test::digest_of(8) ? "8" : "other";
}

TEST(digests, of_the_whole) {
  EXPECT_EQ(read("sha-256=:" + kSeven + ":"), "7");
  EXPECT_EQ(read("sha-512=:AAAA:, sha-256=:" + kEight + ":;p=1"), "8");
  EXPECT_EQ(read("sha-512=:AAAA:"), "-");
  EXPECT_EQ(read("unixsum=30637"), "-");
  EXPECT_EQ(digest_field(with({}), "Repr-Digest").value(), std::nullopt);
}

// Whoever sends a digest wants it checked: one that cannot be read is not passed over.
TEST(digests, that_cannot_be_read) {
  for (const std::string& value :
       {std::string(), std::string("sha-256"), std::string("=:AAAA:"), "sha-256=" + kSeven, "sha-256=:" + kSeven,
        "sha-256=:" + kSeven + ":x", "sha-256=:" + kSeven.substr(1) + ":", "sha-256=:" + kSha1 + ":",
        std::string("sha-256=::"), "sha-256=:" + kSeven + ":, sha-256=:" + kSeven + ":", "sha-256=:" + kSeven + ":,",
        std::string("sha-256=?1"),
        "sha-256=:" + std::string(43, '*') + "=:", "sha-512=:" + std::string(5000, 'A') + ":"})
    EXPECT_EQ(read(value), "400") << value;
  EXPECT_EQ(read("SHA-256=:" + kSeven + ":"), "-");  // keys are lower case: another member
  EXPECT_FALSE(
      digest_field(with({{"Repr-Digest", "sha-512=:AAAA:"}, {"Repr-Digest", "sha-512=:AAAA:"}}), "Repr-Digest"));
}

TEST(digests, checksums_of_tus) {
  EXPECT_EQ(parse_checksum("sha1 " + kSha1)->value, std::vector<std::byte>(20, std::byte{1}));
  EXPECT_EQ(parse_checksum("sha256 " + kSeven)->algorithm, PartDigest::Algorithm::sha256);
  for (const std::string& value :
       {std::string(), std::string("sha1"), std::string("sha1 "), "md5 " + kSha1, "SHA1 " + kSha1, "sha1 " + kSeven,
        "sha256 " + kSha1, "sha1  " + kSha1, "sha1 " + kSha1 + "=", "sha1 " + kSha1 + " ", kSha1,
        "sha1 " + std::string(9000, 'A')})
    EXPECT_FALSE(parse_checksum(value)) << value;
}

TEST(digests, of_a_part) {
  const auto part = [](http::Fields fields, bool is_patch) { return part_digest(with(std::move(fields)), is_patch); };
  const http::Field seven{"Content-Digest", "sha-256=:" + kSeven + ":"},
      eight{"Content-Digest", "sha-256=:" + kEight + ":"};
  const http::Field repr{"Repr-Digest", "sha-256=:" + kSeven + ":"}, sha1{"Upload-Checksum", "sha1 " + kSha1};
  const http::Field sha256{"Upload-Checksum", "sha256 " + kSeven};
  EXPECT_FALSE(part({}, true)->has_value());
  EXPECT_EQ(part({seven}, true)->value().value.front(), std::byte{7});
  EXPECT_EQ(part({sha1}, true)->value().algorithm, PartDigest::Algorithm::sha1);
  EXPECT_TRUE(part({seven, sha256}, true)->has_value());
  // One alone could be checked, and the other was sent to be checked as well.
  EXPECT_FALSE(part({seven, sha1}, true));
  EXPECT_FALSE(part({eight, sha256}, true));
  EXPECT_FALSE(part({eight, repr}, true));
  // Of a patch it is the digest of the patch document; of a creation it is that of the whole.
  EXPECT_EQ(part({repr}, true)->value().value.front(), std::byte{7});
  EXPECT_FALSE(part({repr}, false)->has_value());
  EXPECT_FALSE(part({{"Upload-Checksum", "crc32 AAAA"}}, true));
  EXPECT_FALSE(part({sha1, sha1}, true));
  EXPECT_FALSE(part({{"Content-Digest", "x"}}, false));
}

TEST(digests, are_written_as_they_are_read) {
  EXPECT_EQ(read(digest_member(test::digest_of(8))), "8");
}

}  // namespace
}  // namespace larder::inbox

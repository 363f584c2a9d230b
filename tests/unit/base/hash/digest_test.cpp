#include "base/hash/digest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace larder {
namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> counting(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

TEST(Sha256, KnownVectors) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, StreamsInAnyPiecesAndStartsAfresh) {
  Sha256 hash;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i) hash.update(as_bytes(piece));
  EXPECT_EQ(to_hex(hash.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  hash.update(as_bytes("a"));
  hash.update({});
  hash.update(as_bytes("bc"));
  EXPECT_EQ(hash.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(hash.finish(), sha256({}));
}

TEST(Sha256, TwoStreamsDoNotMix) {
  Sha256 one;
  Sha256 two;
  one.update(as_bytes("ab"));
  two.update(as_bytes("x"));
  (void)sha256(as_bytes("a third"));
  Sha256 moved = std::move(one);
  moved.update(as_bytes("c"));
  EXPECT_EQ(moved.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(two.finish(), sha256(as_bytes("x")));
}

TEST(Sha256, ACopyGoesOnByItself) {
  Sha256 one;
  one.update(as_bytes("ab"));
  Sha256 two = one.copy();
  one.update(as_bytes("x"));
  two.update(as_bytes("c"));
  EXPECT_EQ(one.finish(), sha256(as_bytes("abx")));
  EXPECT_EQ(two.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(two.finish(), sha256({})) << "it starts afresh";
}

TEST(Sha1, KnownVectors) {
  Sha1 hash;
  EXPECT_EQ(to_hex(hash.finish()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  hash.update(as_bytes("a"));
  hash.update(as_bytes("bc"));
  EXPECT_EQ(to_hex(hash.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Blake2b, KnownVectorsWithAndWithoutKey) {
  EXPECT_EQ(to_hex(blake2b256({})), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(to_hex(blake2b256(as_bytes("abc"))), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  EXPECT_EQ(to_hex(blake2b256(as_bytes("abc"), counting(32))),
            "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f");
  EXPECT_EQ(to_hex(blake2b256(as_bytes("abc"), counting(16))),
            "3fd8fd31501cdbe942607b204368e3dc4ebce5744de1a955a6025f5c9848bb20");
  EXPECT_EQ(to_hex(blake2b256(as_bytes("abc"), counting(64))),
            "dff38c978666dff5631db35ca15535520d134f5c8060ea569c6a178ad393719f");
}

// A key that does not fit would otherwise be a hash that names nothing.
TEST(Blake2bDeathTest, AKeyThatDoesNotFitStops) {
  EXPECT_DEATH((void)blake2b256({}, counting(15)), "16 to 64 bytes");
  EXPECT_DEATH((void)blake2b256({}, counting(65)), "16 to 64 bytes");
}

TEST(Hex, KnownAndStrict) {
  EXPECT_EQ(to_hex(std::vector{std::byte{0x00}, std::byte{0x0f}, std::byte{0xa5}, std::byte{0xff}}), "000fa5ff");
  EXPECT_EQ(from_hex("00Fa"), (std::vector{std::byte{0x00}, std::byte{0xfa}}));
  EXPECT_TRUE(from_hex("")->empty());
  for (const char* bad : {"0", "0g", " 00", "00 ", "0x00", "-1", "00\n", "+1", "0\xc1", "\xb0\xb0"})
    EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Hex, DigestNeedsExactly64Digits) {
  const Digest digest = sha256(as_bytes("abc"));
  EXPECT_EQ(digest_from_hex(to_hex(digest)), digest);
  EXPECT_FALSE(digest_from_hex(""));
  EXPECT_FALSE(digest_from_hex(std::string(62, 'a')));
  EXPECT_FALSE(digest_from_hex(std::string(63, 'a')));
  EXPECT_FALSE(digest_from_hex(std::string(65, 'a')));
  EXPECT_FALSE(digest_from_hex(std::string(66, 'a')));
  EXPECT_FALSE(digest_from_hex(std::string(63, 'a') + "x"));
}

// RFC 4648 section 10.
TEST(Base64, KnownVectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    const auto back = from_base64(coded);
    ASSERT_TRUE(back) << coded;
    EXPECT_EQ(text_of(*back), plain);
  }
  EXPECT_EQ(to_base64(std::vector{std::byte{0xfb}, std::byte{0xff}, std::byte{0xbf}}), "+/+/");
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* bad : {"Zg",       "Zg=",      "Zg===",   "Z===",       "====",
                          "=",        "Zm9v=",    "Zm=v",    "Z=9v",       "Zh==",
                          "Zm9=",     "Zm9v\n",   " Zg=",    "Zm9-",       "Zm9_",
                          "Zm9v====", "Zg==Zg==", "Zm9\xff", "\xc3\xa9==", "\xab\xaf\xb0\xb1"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

RC_GTEST_PROP(EncodingProperty, BytesComeBack, (const std::vector<std::uint8_t>& bytes)) {
  const Bytes view = std::as_bytes(std::span(bytes));
  const std::vector<std::byte> expected(view.begin(), view.end());
  RC_ASSERT(from_hex(to_hex(view)) == expected);
  RC_ASSERT(from_base64(to_base64(view)) == expected);
}

// Whatever is read must be exactly what would be written: no two texts for the same bytes.
RC_GTEST_PROP(EncodingProperty, Base64IsCanonical, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ABZaz09+/=")));
  const auto bytes = from_base64(text);
  if (bytes) RC_ASSERT(to_base64(*bytes) == text);
}

TEST(RandomId, IsHexAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_id();
    EXPECT_EQ(id.size(), 32U);
    EXPECT_TRUE(from_hex(id));
    EXPECT_TRUE(seen.insert(id).second);
  }
}

}  // namespace
}  // namespace larder

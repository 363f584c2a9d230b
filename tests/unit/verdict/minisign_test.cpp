#include "agent/verdict/minisign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "agent/verdict/verdict.h"
#include "tests/unit/verdict/vectors.h"

namespace larder::test {
namespace {

using agent::MinisignCheck;

Status check(const std::string& key, const std::string& signature, const std::string& message) {
  const auto parsed_key = agent::parse_minisign_key(key);
  const auto parsed = agent::parse_minisign_signature(signature);
  EXPECT_TRUE(parsed_key && parsed);
  MinisignCheck check(*parsed_key, *parsed);
  if (Status begun = check.begin(message.size()); !begun) return begun;
  // In pieces, as it is read.
  for (std::size_t at = 0; at < message.size(); at += 7) check.update(as_bytes(message.substr(at, 7)));
  return check.finish();
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(Minisign, GoodSignaturesOfBothForms) {
  EXPECT_TRUE(check(kKey, kPrehashed, kMessage));
  EXPECT_TRUE(check(kKey, kLegacy, kMessage));
  EXPECT_TRUE(check(kKeyFile, kPrehashed, kMessage)) << "the whole .pub file is taken too";
  EXPECT_TRUE(check(kOtherKey, kOtherSignature, kMessage));
}

TEST(Minisign, AnythingChangedIsInvalid) {
  struct Row {
    const char* what;
    std::string key, signature, message;
    const char* says;
  };
  const Row rows[] = {
      {"message", kKey, kPrehashed, kMessage + "x", "not what was signed"},
      {"empty message", kKey, kPrehashed, "", "not what was signed"},
      {"message, legacy", kKey, kLegacy, "x" + kMessage, "not what was signed"},
      {"key", kOtherKey, kPrehashed, kMessage, "B7558E6D332B94FB"},
      {"trusted comment", kKey, with(kPrehashed, "edition 7", "edition 8"), kMessage, "trusted comment"},
      {"trusted comment's space", kKey, with(kPrehashed, "edition 7", "edition 7 "), kMessage, "trusted comment"},
      {"signature", kKey, with(kPrehashed, "SX1BU", "SX1BV"), kMessage, "global signature"},
      {"global signature", kKey, with(kPrehashed, "iJkC9", "iJkC8"), kMessage, "global signature"},
      {"form", kKey, with(kPrehashed, "RUST", "RWST"), kMessage, "not what was signed"},
  };
  for (const Row& row : rows) {
    const Status status = check(row.key, row.signature, row.message);
    ASSERT_FALSE(status) << row.what;
    EXPECT_EQ(status.error().code, ErrorCode::signature_invalid) << row.what;
    std::string text = status.error().text();
    std::string wanted = row.says;
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_NE(text.find(wanted), std::string::npos) << row.what << ": " << text;
  }
}

TEST(Minisign, ALegacySignatureOfAHugeContentSaysHowToSign) {
  MinisignCheck check(*agent::parse_minisign_key(kKey), *agent::parse_minisign_signature(kLegacy));
  const Status status = check.begin(agent::kMaxLegacyContent + 1);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text().find("minisign -H"), std::string::npos);
  MinisignCheck prehashed(*agent::parse_minisign_key(kKey), *agent::parse_minisign_signature(kPrehashed));
  EXPECT_TRUE(prehashed.begin(agent::kMaxLegacyContent + 1));
}

TEST(Minisign, MalformedTextIsRefusedWhenTheJobIsMade) {
  const std::string rows[] = {"RW",   "not base64!",      kKey.substr(1),           kKey + kKey,
                              "RWST", kKey + "\n" + kKey, std::string(100000, 'A'), with(kKey, "RW", "XX")};
  for (const std::string& key : rows) {
    const Status status = agent::check_minisign(key, "");
    ASSERT_FALSE(status) << key.substr(0, 80);
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  }
  const std::string signatures[] = {"x",
                                    kKey,
                                    with(kPrehashed, "trusted comment: file", "comment: file"),
                                    with(kPrehashed, "RUST", "XXST"),
                                    with(kPrehashed, "iJkC9", ""),
                                    kPrehashed + "\nmore\n",
                                    with(kPrehashed, "untrusted", "un")};
  for (const std::string& signature : signatures) EXPECT_FALSE(agent::check_minisign(kKey, signature)) << signature;
  EXPECT_FALSE(agent::check_minisign(kKey, kOtherSignature)) << "of another key";
  EXPECT_TRUE(agent::check_minisign(kKey, kPrehashed));
  EXPECT_TRUE(agent::check_minisign(kKey, ""));
  std::string crlf;
  for (const char c : kPrehashed) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_TRUE(agent::check_minisign(kKey, crlf));
}

}  // namespace
}  // namespace larder::test

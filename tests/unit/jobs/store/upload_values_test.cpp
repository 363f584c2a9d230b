#include "agent/jobs/store/upload_values.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

TEST(upload_values, options_come_back_as_they_were) {
  for (const auto wish :
       {origin::ProtocolWish::any, origin::ProtocolWish::tus, origin::ProtocolWish::bits, origin::ProtocolWish::put}) {
    for (const bool flag : {false, true}) {
      const UploadOptions options{wish, flag ? "a=b" : "", flag, flag, flag};
      EXPECT_EQ(decode_upload_options(encode_upload_options(options)), options);
    }
  }
}

TEST(upload_values, facts_come_back_as_they_were) {
  UploadFacts facts{"a = b", "key", {UINT64_MAX, 2, 3, -4, INT64_MAX}};
  EXPECT_EQ(decode_upload(encode_upload(facts)), facts) << "of a new upload";
  facts.snapshot = facts.began = facts.confirmed = facts.has_reply = true;
  facts.dialect = origin::UploadDialect::bits;
  facts.progress.session = "{7df0354d}";
  facts.progress.offset = 12;
  facts.progress.last_byte_sent = true;
  EXPECT_EQ(decode_upload(encode_upload(facts)), facts);
}

TEST(upload_values, what_a_later_agent_wrote_is_read_and_nonsense_is_not) {
  const UploadFacts facts{"a", "key", {1, 2, 3, 4, 5}};
  EXPECT_EQ(decode_upload("colour=red\n" + encode_upload(facts)), facts);
  EXPECT_EQ(decode_upload_options("colour=red\nprotocol=put\n")->protocol, origin::ProtocolWish::put);
  for (const char* text :
       {"", "name", "key=", "key=k\nsize=x\n\n", "key=k\ndialect=ftp\n\n", "key=k\n\noffset=x\n", "key=k"})
    EXPECT_FALSE(decode_upload(text)) << text;
  for (const char* text : {"protocol=ftp\n", "protocol", "x\n"}) EXPECT_FALSE(decode_upload_options(text)) << text;
}

}  // namespace
}  // namespace larder::agent

#include "origin/upload/progress_text.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

UploadProgress full() {
  UploadProgress p;
  p.phase = UploadPhase::append;
  p.url = "http://h/up/1?a=b";
  p.session = "{A0FF}";
  p.host = "node-7:81";
  p.fall_back_after = std::chrono::seconds(60);
  p.fall_back_at = WallTime(Duration(1'700'000'000'000'000'001));
  p.reply_url = "http://h/r";
  p.reply_fetched = true;
  p.expires_at = WallTime(std::chrono::seconds(1'800'000'000));
  p.offset = UINT64_MAX;
  p.part_length = 2;
  p.part_lost = true;
  p.part_size = 3;
  p.part_limit = 4;
  p.hashed = 5;
  p.sent = 6;
  p.last_byte_sent = p.last_byte_sent_before = p.end_refused = true;
  p.creations = 7;
  p.restarts = 8;
  p.failures = 9;
  p.resends = 10;
  p.redirects = 11;
  return p;
}

TEST(progress_text, of_a_new_upload_is_empty) {
  EXPECT_EQ(progress_text({}), "");
  EXPECT_EQ(parse_progress("").value(), UploadProgress{});
}

TEST(progress_text, goes_there_and_back_with_each_field) {
  const std::string text = progress_text(full());
  EXPECT_EQ(parse_progress(text).value(), full()) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 24) << "a field is missing: " << text;
}

TEST(progress_text, every_phase_goes_there_and_back) {
  for (std::size_t i = 0; i < kUploadPhaseCount; ++i) {
    UploadProgress p;
    p.phase = static_cast<UploadPhase>(i);
    EXPECT_EQ(parse_progress(progress_text(p)).value().phase, p.phase);
  }
}

// Stored by agents that are out there: what this reads stays as it is.
TEST(progress_text, is_this) {
  UploadProgress p;
  p.phase = UploadPhase::ping;
  p.session = "{A0FF}";
  p.offset = 10'000;
  p.last_byte_sent = true;
  p.fall_back_at = WallTime(Duration(17));
  EXPECT_EQ(progress_text(p), "phase=ping\nsession={A0FF}\nfall_back_at=17\noffset=10000\nlast_byte_sent=1\n");
}

TEST(progress_text, of_a_newer_agent_is_read) {
  EXPECT_EQ(parse_progress("colour=blue\noffset=3\n").value().offset, 3U);
  EXPECT_EQ(parse_progress("offset=3").value().offset, 3U) << "without the last line end";
  EXPECT_EQ(parse_progress("url=").value().url, "");
  EXPECT_EQ(parse_progress("expires_at=-1").value().expires_at, std::nullopt);
}

TEST(progress_text, that_nobody_wrote_is_refused) {
  for (const char* text : {"offset", "offset=", "offset=x", "offset=-1", "offset=18446744073709551616", "phase=flying",
                           "part_lost=2", "creations=4294967296", "fall_back_after=9223372036854775808",
                           "expires_at=9223372036854775808", "\n", "session=a\tb"}) {
    const auto progress = parse_progress(text);
    ASSERT_FALSE(progress) << text;
    EXPECT_EQ(progress.error().code, ErrorCode::database_error);
  }
  EXPECT_FALSE(parse_progress("url=" + std::string(65 * 1024, 'x')));
}

}  // namespace
}  // namespace larder::origin

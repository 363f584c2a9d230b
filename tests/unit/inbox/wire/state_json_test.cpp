#include "inbox/wire/state_json.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

TEST(state_json, of_an_upload_under_way) {
  UploadStatus status = test::upload_in(UploadState::receiving, 4);
  status.expires_at = from_unix_ns(1'000'000'000'000'000'000);
  EXPECT_EQ(state_json(status), R"({
  "id": "aaaabbbbccccddddeeeeffffgg",
  "state": "receiving",
  "name": "f.bin",
  "size": 10,
  "offset": 4,
  "attempt": 0,
  "reply": false,
  "expires_at": "2001-09-09T01:46:40.000Z"
}
)");
}

TEST(state_json, of_one_that_was_delivered) {
  UploadStatus status = test::accepted();
  status.state = UploadState::delivered;
  status.attempt = 2;
  status.has_reply = true;
  status.expires_at = status.delivered_at = from_unix_ns(1'000'000'000'000'000'000);
  status.answer->text = "filed as \"4711\"\xff";
  EXPECT_EQ(state_json(status), R"({
  "id": "aaaabbbbccccddddeeeeffffgg",
  "state": "delivered",
  "name": "f.bin",
  "size": 10,
  "offset": 10,
  "sha256": "0707070707070707070707070707070707070707070707070707070707070707",
  "attempt": 2,
  "reply": true,
  "delivered_at": "2001-09-09T01:46:40.000Z",
  "answer": {
    "status": 204,
    "text": "filed as \"4711\"�"
  }
}
)");
}

TEST(state_json, no_offset_equals_the_size_before_the_outcome) {
  EXPECT_THAT(state_json(test::upload_in(UploadState::sealed, 10)), testing::Not(testing::HasSubstr("offset")));
  UploadStatus status = test::upload_in(UploadState::receiving, 10);
  status.size.reset();
  EXPECT_THAT(state_json(status),
              testing::AllOf(testing::HasSubstr("\"offset\": 10"), testing::Not(testing::HasSubstr("size"))));
}

}  // namespace
}  // namespace larder::inbox

#include "inbox/wire/answers.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::upload_in;

// For each state with all bytes there: with a stored answer, and without one (an inbox that waits for the application).
struct Row {
  UploadState state;
  const char* with_answer;
  const char* without;
};
const std::vector<Row> kRows = {
    {UploadState::receiving, "pending", "pending"}, {UploadState::sealed, "pending", "pending"},
    {UploadState::accepted, "success", "pending"},  {UploadState::delivering, "success", "pending"},
    {UploadState::delivered, "success", "pending"}, {UploadState::rejected, "rejected", "rejected"},
    {UploadState::failed, "failed", "failed"},      {UploadState::cancelled, "gone", "gone"},
    {UploadState::expired, "gone", "gone"},
};

std::string told(const UploadStatus& status) {
  const auto refusal = refusal_of(status);
  EXPECT_EQ(is_success(status), !refusal && shown_offset(status) == status.size);
  if (!refusal) return is_success(status) ? "success" : "goes on";
  EXPECT_EQ(refusal->detail.rfind("cannot ", 0), 0U) << refusal->detail;
  EXPECT_TRUE(refusal->upload);
  EXPECT_NE(shown_offset(status), status.size);
  if (refusal->problem == Problem::pending) return "pending";
  if (refusal->problem == Problem::rejected) return "rejected";
  return refusal->problem == Problem::gone ? "gone" : "failed";
}

TEST(answers, only_an_accepted_upload_with_its_answer_is_a_success) {
  ASSERT_EQ(kRows.size(), kUploadStateCount);
  for (const Row& row : kRows) {
    UploadStatus status = upload_in(row.state, 10);
    EXPECT_EQ(told(status), row.without) << state_name(row.state);
    status.answer = StoredAnswer{204, ""};
    EXPECT_EQ(told(status), row.with_answer) << state_name(row.state);
  }
  EXPECT_EQ(told(upload_in(UploadState::receiving, 9)), "goes on");
}

TEST(answers, an_offset_is_shown_while_bytes_are_missing) {
  UploadStatus status = upload_in(UploadState::receiving, 9);
  EXPECT_EQ(shown_offset(status), 9U);
  status.offset = 10;
  EXPECT_EQ(shown_offset(status), std::nullopt);
  status.size.reset();  // how many there are is not said yet
  EXPECT_EQ(shown_offset(status), 10U);
  status = test::accepted();
  EXPECT_EQ(shown_offset(status), 10U);
  status.size = status.offset = 0;
  EXPECT_EQ(shown_offset(status), 0U);
  status.answer.reset();
  EXPECT_EQ(shown_offset(status), std::nullopt);
}

TEST(answers, a_rejection_has_a_status_that_ends_it) {
  for (const int status : {400, 403, 404, 410, 415, 422, 451, 499})
    EXPECT_EQ(rejection_status(test::rejected(status)), status);
  for (const int status : {0, 200, 204, 302, 399, 408, 409, 423, 425, 429, 500, 503, 600})
    EXPECT_EQ(rejection_status(test::rejected(status)), 422) << status;
  EXPECT_EQ(rejection_status(std::nullopt), 422);
  EXPECT_EQ(rejection_status(upload_in(UploadState::rejected)), 422);
}

TEST(answers, a_rejection_tells_its_reason) {
  EXPECT_EQ(refusal_of(test::rejected())->detail, "cannot hand over the upload: it was rejected: a virus");
  EXPECT_EQ(refusal_of(upload_in(UploadState::rejected))->detail, "cannot hand over the upload: it was rejected");
}

TEST(answers, a_wait_is_at_least_a_second) {
  WireSettings settings;
  settings.retry_after = std::chrono::seconds(7);
  const auto wait = [&](std::optional<std::chrono::seconds> asked) {
    http::Response response;
    add_retry_after(response, Refused{Problem::busy, "", std::nullopt, asked}, settings);
    return test::value_of(response, "Retry-After");
  };
  EXPECT_EQ(wait(std::nullopt), "7");
  EXPECT_EQ(wait(std::chrono::seconds(90)), "90");
  EXPECT_EQ(wait(std::chrono::seconds(0)), "1");
}

}  // namespace
}  // namespace larder::inbox

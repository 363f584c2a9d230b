#include "origin/upload/upload_dialect.h"

#include <gtest/gtest.h>

#include "../upload_model.h"
#include "base/runtime/loop.h"
#include "origin/upload/upload.h"

namespace larder::origin {
namespace {

TEST(upload_dialect, digests_are_written_as_each_field_wants_them) {
  const Digest digest = sha256(as_bytes("x"));
  const Bytes twenty = Bytes(digest).first(20);
  using Form = DigestField::Form;
  EXPECT_EQ(digest_field_value({"Upload-Checksum", PartAlgorithm::sha1, Form::upload_checksum, false}, twenty),
            "sha1 LXEWQrcmsEQBYnyp+6wy9chTD7E=");
  EXPECT_EQ(digest_field_value({"Upload-Checksum", PartAlgorithm::sha256, Form::upload_checksum, false}, digest),
            "sha256 LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=");
  EXPECT_EQ(digest_field_value({"Content-Digest", PartAlgorithm::sha256, Form::digest, false}, digest),
            "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:");
  EXPECT_EQ(digest_field_value({"Content-Digest", PartAlgorithm::sha1, Form::digest, false}, twenty),
            "sha=:LXEWQrcmsEQBYnyp+6wy9chTD7E=:");
}

TEST(upload_dialect, keys_and_names_that_no_field_can_carry) {
  const auto code_of = [](const std::string& key, const std::string& name) {
    UploadPlan plan = test::plan_for(UploadDialect::tus, 10);
    plan.key = key;
    plan.name = name;
    const Status status = check_plan(plan);
    return status ? "fine" : std::string(status.error().doing);
  };
  EXPECT_EQ(code_of("k", "n"), "fine");
  EXPECT_EQ(code_of(std::string(128, 'k'), std::string(1024, 'n')), "fine");
  EXPECT_EQ(code_of("k", ""), "fine") << "a pipe has no name";
  EXPECT_EQ(code_of("k", "gr\xc3\xbc\xc3\x9f"), "fine");
  for (const char* key : {"", "a b", "a\"b", "a\\b", "a\nb", "\xc3\xa4", "a\x7f"})
    EXPECT_EQ(code_of(key, "n"), "use the transaction id") << key;
  EXPECT_EQ(code_of(std::string(129, 'k'), "n"), "use the transaction id");
  for (const char* name : {"a\nb", "a\x7f", "\xff"}) EXPECT_EQ(code_of("k", name), "send the name of the file") << name;
  EXPECT_EQ(code_of("k", std::string(1025, 'n')), "send the name of the file");
}

TEST(upload_dialect, a_target_that_may_not_be_asked_is_refused) {
  UploadPlan plan = test::plan_for(UploadDialect::tus, 10);
  auto policy = std::make_shared<UrlPolicy>();
  policy->allow_loopback = false;
  plan.policy = policy;
  ASSERT_FALSE(check_plan(plan));
  EXPECT_EQ(check_plan(plan).error().code, ErrorCode::forbidden_url);
}

TEST(upload_dialect, phases_have_names) {
  EXPECT_EQ(phase_name(UploadPhase::create), "create");
  EXPECT_EQ(phase_name(UploadPhase::reply), "reply");
  EXPECT_EQ(phase_name(UploadPhase::cancel), "cancel");
}

TEST(upload_dialect, an_error_names_file_and_place_and_no_secret) {
  UploadPlan plan = test::plan_for(UploadDialect::tus, 10);
  plan.target = *parse_url("http://u:p@127.0.0.1/in/box/?token=s3cret");
  UploadProgress progress;
  const auto random = make_seeded_random(1);
  const UploadTurn turn{plan, progress, WallTime{}, *random};
  static_cast<void>(start_upload(turn));
  const UploadStep step = after_answer(turn, test::answer_of(403, {}, "no\nway"));
  EXPECT_EQ(step.error->text(),
            "cannot upload report.bin to http://127.0.0.1/in/box/: the origin forbids it (403); it says: no way");
}

}  // namespace
}  // namespace larder::origin

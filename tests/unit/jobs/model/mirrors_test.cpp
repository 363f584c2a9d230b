#include "agent/jobs/model/mirrors.h"

#include <gtest/gtest.h>

#include "base/error_table.h"

namespace larder::agent {
namespace {

File with_mirrors(std::size_t mirrors) {
  File file;
  file.spec.url = "http://0/";
  file.spec.user = "u0";
  file.spec.password = "p0";
  for (std::size_t i = 1; i <= mirrors; ++i) {
    const std::string number = std::to_string(i);
    file.spec.mirrors.push_back({"http://" + number + "/", "u" + number, "p" + number});
  }
  return file;
}

const Error kRefused{ErrorCode::connect_failed, "connect", "refused"};
const Error kMissing{ErrorCode::not_found, "fetch", "404"};
const Error kOther{ErrorCode::digest_mismatch, "judge", "another digest"};
const Error kFull{ErrorCode::disk_full, "write", "full"};

TEST(Mirrors, TakeTurnsWithTheirOwnCredentials) {
  File file = with_mirrors(2);
  for (unsigned turn = 0; turn < 7; ++turn) {
    const std::string number = std::to_string(turn % 3);
    EXPECT_EQ(file.spec.url, "http://" + number + "/");
    EXPECT_EQ(file.spec.user + file.spec.password, "u" + number + "p" + number);
    EXPECT_EQ(file.mirror, turn % 3);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(given_url(file, i), "http://" + std::to_string(i) + "/");
    turn_to_next_mirror(file);
  }
  File alone = with_mirrors(0);
  turn_to_next_mirror(alone);
  EXPECT_EQ(alone.spec.url, "http://0/");
  EXPECT_EQ(alone.mirror, 0U);
}

TEST(Mirrors, EachIsAskedOnceBeforeTheFileFails) {
  MirrorRound round;
  EXPECT_TRUE(round.may_turn(3));
  EXPECT_TRUE(round.on_failed(3, kMissing).next);
  EXPECT_TRUE(round.on_failed(3, kOther).next);
  EXPECT_FALSE(round.may_turn(3));
  const auto over = round.on_failed(3, kMissing);
  EXPECT_FALSE(over.next);
  ASSERT_TRUE(over.over && over.error);
  EXPECT_EQ(over.error->code, ErrorCode::not_found);
  EXPECT_NE(over.error->detail.find("3 URLs"), std::string::npos) << over.error->text();
  EXPECT_TRUE(round.on_failed(3, kMissing).next) << "the next attempt asks all of them again";
}

TEST(Mirrors, AnErrorThatMayPassIsTheFilesWhereThereWasOne) {
  MirrorRound round;
  EXPECT_TRUE(round.on_failed(2, kRefused).next);
  EXPECT_EQ(round.on_failed(2, kMissing).error->code, ErrorCode::connect_failed);
  EXPECT_TRUE(round.on_failed(2, kMissing).next);
  EXPECT_EQ(round.on_failed(2, kMissing).error->code, ErrorCode::not_found) << "it is forgotten with its round";
}

TEST(Mirrors, AreNotAskedForWhatIsNotTheUrls) {
  MirrorRound round;
  for (const auto& decision : {round.on_failed(3, kFull), round.on_failed(1, kMissing)})
    EXPECT_FALSE(decision.next || decision.over || decision.error);
  for (const ErrorCode code : {ErrorCode::disk_full, ErrorCode::disk_error, ErrorCode::database_error,
                               ErrorCode::cancelled, ErrorCode::maximum_time, ErrorCode::internal,
                               ErrorCode::signature_invalid, ErrorCode::hook_failed, ErrorCode::invalid_argument})
    EXPECT_FALSE(is_of_the_url(code)) << error_info(code).name;
}

TEST(Mirrors, AreAskedForWhateverIsTheUrls) {
  using enum ErrorCode;
  for (const ErrorCode code : {not_found,           forbidden_url,   invalid_url,          network_unreachable,
                               name_not_resolved,   connect_failed,  connection_lost,      timed_out,
                               no_progress,         tls_failed,      certificate_rejected, unauthorized,
                               proxy_unauthorized,  http_fatal,      http_transient,       bad_response,
                               range_not_supported, version_changed, stale_proxy,          too_many_redirects,
                               redirect_forbidden,  too_large,       digest_mismatch})
    EXPECT_TRUE(is_of_the_url(code)) << error_info(code).name;
}

// One that gives some bytes and breaks, again and again, must not be asked for ever without a pause.
TEST(Mirrors, OnlyMoreThanEverBeforeIsProgress) {
  MirrorRound round;
  round.progress(5 * kMiB);
  EXPECT_TRUE(round.on_failed(2, kRefused).next);
  round.progress(5 * kMiB + 1);
  EXPECT_FALSE(round.may_turn(2));
  round.progress(6 * kMiB);
  EXPECT_TRUE(round.may_turn(2));
  EXPECT_TRUE(round.on_failed(2, kRefused).next);
  round.progress(3 * kMiB);  // begun anew
  EXPECT_FALSE(round.on_failed(2, kRefused).next);
}

}  // namespace
}  // namespace larder::agent

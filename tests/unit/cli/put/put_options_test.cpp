#include "agent/cli/put/put_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

Result<std::string> no_file(const std::string& path) {
  return fail(ErrorCode::not_found, "read " + path, "it is not there");
}

PutOptions put(std::vector<std::string> words, const std::string& protocol = "auto") {
  PutOptions options;
  options.words = std::move(words);
  options.protocol = protocol;
  return options;
}

Result<PutPlan> plan_of(const PutOptions& options) {
  return make_put_plan(options, no_file);
}

std::string refusal_of(const PutOptions& options) {
  const auto plan = plan_of(options);
  return plan ? "no refusal" : plan.error().text();
}

TEST(MakePutPlan, HasTheDefaultsOfACommandThatIsWaitedFor) {
  const auto plan = plan_of(put({"/a/report.pdf", "https://example.org/in/builds/"}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->paths, (std::vector<std::string>{"/a/report.pdf"}));
  EXPECT_EQ(plan->request.names, (std::vector<std::string>{"report.pdf"}));
  EXPECT_EQ(plan->request.job.priority, "foreground");
  EXPECT_EQ(plan->request.job.no_progress_timeout, Duration(std::chrono::minutes(10)));
  EXPECT_FALSE(plan->retry_for_given || plan->request.spool || plan->from_standard_input());
  const std::string body = upload_body(plan->request);
  EXPECT_THAT(body, HasSubstr(R"("files":[{"name":"report.pdf","url":"https://example.org/in/builds/"}])"));
  for (const char* member : {"protocol", "transaction", "reply", "spool", "overwrite", "connect", "store", "verdict"})
    EXPECT_THAT(body, Not(HasSubstr("\"" + std::string(member) + "\""))) << body;
}

TEST(MakePutPlan, SaysWhatWasAskedFor) {
  PutOptions options = put({"f", "https://me:secret@example.org/x"}, "put");
  options.transaction = "nightly-1";
  options.transaction_given = options.spool = options.overwrite = true;
  options.sent_as = "other.bin";
  options.request.sha256 = std::string(64, 'a');
  options.request.rate = "1 MiB/s";
  options.request.retry_for = "1h";
  options.request.headers = {"Authorization: Bearer t"};
  const auto plan = plan_of(options);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_TRUE(plan->retry_for_given);
  const std::string body = upload_body(plan->request);
  for (const char* part :
       {R"("protocol":"put")", R"("transaction":"nightly-1")", R"("spool":true)", R"("overwrite":true)",
        R"("name":"other.bin")", R"("max_rate":1048576)", R"("no_progress_timeout_s":3600.0)",
        R"("headers":[["Authorization","Bearer t"]])", R"("url":"https://me:secret@example.org/x")"})
    EXPECT_THAT(body, HasSubstr(part));
  EXPECT_THAT(body, HasSubstr("\"sha256\":\"" + std::string(64, 'a') + "\""));
  EXPECT_THAT(plan->request.job.name, Not(HasSubstr("secret")));
}

TEST(MakePutPlan, StandardInputIsSpooledUnderTheNameOfTheUrl) {
  const auto plan = plan_of(put({"-", "https://example.org/dav/src.tar?x=1"}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_TRUE(plan->from_standard_input() && plan->request.spool);
  EXPECT_EQ(plan->request.names, (std::vector<std::string>{"src.tar"}));
  PutOptions named = put({"-", "https://example.org/in/"});
  EXPECT_THAT(refusal_of(named), HasSubstr("--name"));
  named.sent_as = "src.tar";
  EXPECT_TRUE(plan_of(named));
}

TEST(MakePutPlan, RefusesWhatCannotBeMeant) {
  const std::string url = "https://example.org/in/";
  EXPECT_THAT(refusal_of(put({})), HasSubstr("larder put FILE URL"));
  EXPECT_THAT(refusal_of(put({url})), HasSubstr("larder put FILE URL"));
  EXPECT_THAT(refusal_of(put({"a", "b"})), HasSubstr("URL"));
  EXPECT_THAT(refusal_of(put({"", url})), HasSubstr("empty"));
  EXPECT_THAT(refusal_of(put({"a", "-", url})), HasSubstr("goes alone"));
  EXPECT_THAT(refusal_of(put(std::vector<std::string>(18, url))), HasSubstr("16 at most"));
  PutOptions options = put({"-", "https://example.org/x"});
  options.request.user_file = "-";
  EXPECT_THAT(refusal_of(options), HasSubstr("an option reads it too"));
  options = put({"a", "b", url});
  options.sent_as = "c";
  EXPECT_THAT(refusal_of(options), HasSubstr("--name"));
  options.words = {"a", url};
  options.sent_as = "../c";
  EXPECT_THAT(refusal_of(options), HasSubstr("without /"));
  options = put({"a", "b", url});
  options.request.sha256 = std::string(64, 'a');
  EXPECT_THAT(refusal_of(options), HasSubstr("--sha256"));
}

TEST(MakePutPlan, ARepliesProtocolIsBits) {
  PutOptions options = put({"a", "https://example.org/x"});
  options.reply_file = "reply";
  for (const char* protocol : {"auto", "tus", "put"}) {
    options.protocol = protocol;
    EXPECT_THAT(refusal_of(options), HasSubstr("--protocol bits")) << protocol;
  }
  options.protocol = "bits";
  const auto plan = plan_of(options);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_TRUE(plan->request.reply);
  EXPECT_EQ(plan->reply_file, "reply");
  options.words = {"a", "b", "https://example.org/x/"};
  EXPECT_THAT(refusal_of(options), HasSubstr("one file"));
  options.words = {"a", "https://example.org/x"};
  options.reply_file = "-";
  EXPECT_THAT(refusal_of(options), HasSubstr("names a file"));
}

}  // namespace
}  // namespace larder::agent

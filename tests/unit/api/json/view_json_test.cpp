#include "agent/api/json/view_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "agent/api/json/json_writer.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(JsonWriter, NestsAndSeparates) {
  JsonWriter writer;
  writer.begin_object().key("a").begin_array().value(1U).value(-2).begin_array().end_array().end_array();
  writer.member("b", true).key("c").null().member("d", std::optional<std::uint64_t>{}).end_object();
  EXPECT_EQ(writer.take(), R"({"a":[1,-2,[]],"b":true,"c":null,"d":null})");
}

TEST(JsonWriter, EscapesAndRepairsText) {
  const auto written = [](std::string_view text) {
    JsonWriter writer;
    writer.value(text);
    return writer.take();
  };
  EXPECT_EQ(written("a\"\\/\n\x01\x7f"), R"("a\"\\/\u000a\u0001\u007f")");
  EXPECT_EQ(written("ä€😀"), "\"ä€😀\"");
  for (const char* bad : {"\xff", "\xc3", "\xe2\x82", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xf8"}) {
    const std::string text = written(std::string("a") + bad + "z");
    const json parsed = json::parse(text, nullptr, false);
    ASSERT_TRUE(parsed.is_string()) << text;
    EXPECT_THAT(parsed.get<std::string>(), testing::AllOf(HasSubstr("a\xef\xbf\xbd"), testing::EndsWith("z")));
  }
  EXPECT_EQ(written(std::string("\0", 1)), R"("\u0000")");
}

TEST(JsonWriter, NumbersThatAreNone) {
  JsonWriter writer;
  writer.begin_array().value(1.5).value(std::numeric_limits<double>::quiet_NaN());
  writer.value(std::numeric_limits<double>::infinity()).value(UINT64_MAX).end_array();
  EXPECT_EQ(writer.take(), "[1.500,null,null,18446744073709551615]");
}

TEST(Views, AJob) {
  const json job = json::parse(job_view(test::sample_job("0123456789abcdef", 17), true));
  EXPECT_EQ(job["id"], "0123456789abcdef");
  EXPECT_EQ(job["owner"], 17);
  EXPECT_EQ(job["state"], "validating");
  EXPECT_EQ(job["created"], "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(job["active_time_s"], 1.5);
  EXPECT_EQ(job["size"], 20);
  EXPECT_EQ(job["bytes"], 20);
  EXPECT_EQ(job["figures"], json::parse(R"({"origin":12,"peers":6,"cache":2,"wasted":4})"));
  EXPECT_EQ(job["files_done"], 2);
  EXPECT_EQ(job["verdict"], json::parse(R"({"hook":"scan","app":true,"minisign":true})"));
  EXPECT_EQ(job["error"]["code"], "http_transient");
  EXPECT_EQ(job["error"]["message"], "cannot fetch a: it answered 503");
  EXPECT_EQ(job["error"]["retry_after_s"], 30);
  const json& file = job["files"][1];
  EXPECT_EQ(file["index"], 1);
  EXPECT_EQ(file["url"], "https://example.com/1.iso?token=t");
  EXPECT_EQ(file["effective_url"], "https://cdn.example.com/a.iso");
  EXPECT_EQ(file["ranges"], json::parse("[[0,10],[20,null]]"));
  EXPECT_EQ(file["etag"], "\"e\"");
  EXPECT_EQ(file["actual_sha256"], to_hex(sha256(as_bytes("actual"))));
}

TEST(Views, NoSecretIsShown) {
  const Job job = test::sample_job("0123456789abcdef", 17);
  EXPECT_THAT(job_view(job, true), Not(HasSubstr(test::kSecret)));
  EXPECT_THAT(jobs_view({&job}), Not(HasSubstr(test::kSecret)));
  EXPECT_THAT(file_event_view(job, job.files[0]), Not(HasSubstr(test::kSecret)));
}

TEST(Views, WhatIsNotThereIsNull) {
  Job job;
  job.files.resize(2);
  job.files[0].size = 5;
  job.files[0].offline_age = std::chrono::milliseconds(2500);
  const json view = json::parse(job_view(job, true));
  for (const char* name : {"size", "error", "retry_at", "finished", "created"})
    EXPECT_TRUE(view[name].is_null()) << name;
  for (const char* name : {"size", "content", "etag", "last_modified", "sha256", "actual_sha256", "verdict",
                           "effective_url", "error", "offline_age_s"})
    EXPECT_TRUE(view["files"][1][name].is_null()) << name;
  EXPECT_EQ(view["files"][0]["offline_age_s"], 2.5);
  EXPECT_FALSE(json::parse(job_view(job, false)).contains("files"));
}

TEST(Views, UrlsAsTheyAreShown) {
  const auto whole = [](const char* url) { return shown_url(url, RecordDetail::all); };
  const auto bare = [](const char* url) { return shown_url(url, RecordDetail::of_own_user); };
  EXPECT_EQ(whole("https://u:p@h/x?a=b@c"), "https://h/x?a=b@c");
  EXPECT_EQ(whole("https://u:p@q@h/"), "https://h/");
  EXPECT_EQ(whole("https://u@h"), "https://h");
  EXPECT_EQ(whole("https://h/@x"), "https://h/@x");
  EXPECT_EQ(whole("https://h?u@x"), "https://h?u@x");
  EXPECT_EQ(bare("https://u:p@h/x?token#f"), "https://h/x");
  EXPECT_EQ(bare("https://h/x#f"), "https://h/x");
  EXPECT_EQ(whole(""), "");
}

TEST(Views, Records) {
  const auto record = test::sample_record("a1");
  const json shown = json::parse(record_view(record, RecordDetail::of_own_user));
  EXPECT_EQ(shown["state"], "complete");
  EXPECT_EQ(shown["versions"][0]["url"], "https://example.com/a1");
  EXPECT_FALSE(shown.contains("segments"));
  for (const char* name : {"root", "sha256", "created", "last_used", "uses"})
    EXPECT_TRUE(shown[name].is_null()) << name;
  const std::vector<cache::SegmentInfo> segments = {{0, {0, 10}, {}, cache::Source::peer, "f.0"}};
  const json whole = json::parse(record_view(record, RecordDetail::all, &segments));
  EXPECT_EQ(whole["versions"][0]["url"], "https://example.com/a1?token=t");
  EXPECT_EQ(whole["segments"][0]["source"], "peers");
  EXPECT_EQ(whole["segments"][0]["root"].get<std::string>().size(), 64U);
  for (const char* name : {"created", "last_used", "uses"}) EXPECT_FALSE(whole[name].is_null()) << name;
  const json own = json::parse(record_view(record, RecordDetail::of_own_user, &segments));
  EXPECT_TRUE(own["segments"][0]["root"].is_null());
  const json page = json::parse(records_view({record}, "a1", RecordDetail::all));
  EXPECT_EQ(page["next"], "a1");
  EXPECT_TRUE(json::parse(records_view({}, "", RecordDetail::all))["next"].is_null());
}

TEST(Views, StatusOnTheLoopbackPortTellsLess) {
  StatusFacts facts;
  facts.state_directory = "/var/lib/larder";
  facts.hooks = {"scan", "virus-check"};
  facts.notify_commands = {"mail"};
  facts.totals.jobs[JobState::error] = 2;
  const json outside = json::parse(status_view(facts));
  for (const char* name : {"state_directory", "caller", "user", "pid", "hooks", "notify_commands"})
    EXPECT_FALSE(outside.contains(name)) << name;
  EXPECT_EQ(outside["jobs"]["error"], 2);
  facts.caller = Caller{17, true};
  const json inside = json::parse(status_view(facts));
  EXPECT_EQ(inside["caller"], json::parse(R"({"uid":17,"admin":true})"));
  EXPECT_EQ(inside["state_directory"], "/var/lib/larder");
  EXPECT_EQ(inside["hooks"], json::parse(R"(["scan","virus-check"])"));
  EXPECT_EQ(inside["notify_commands"], json::parse(R"(["mail"])"));
}

TEST(Views, Config) {
  const json view = json::parse(config_view(Config{}));
  EXPECT_EQ(view["toml"], config_as_toml(Config{}));
  EXPECT_EQ(view["keys"].size(), config_keys().size());
}

}  // namespace
}  // namespace larder::agent

#include "agent/api/json/job_json.h"
#include "agent/api/http/router.h"
#include "base/version.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;

TEST(JobJson, AnEmptyJobHasTheDefaults) {
  const auto create = parse_create("{}");
  ASSERT_TRUE(create) << create.error().text();
  EXPECT_TRUE(create->start);
  EXPECT_TRUE(create->files.empty());
  EXPECT_EQ(create->options.priority, Priority::normal);
  EXPECT_EQ(create->options.retry_delay, JobOptions{}.retry_delay);
}

TEST(JobJson, TakesEverything) {
  const auto create = parse_create(R"({"name":"ä\u00e4","priority":"high","start":false,
    "files":[{"url":"https://e/x","destination":"/tmp/x","ranges":[[0,10],[20,null],[null,7]],"mirrors":["http://m/1","http://m/2"],
              "sha256":"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855","minisign_signature":"s"},
             {"url":"https://e/y","sha256":null}],
    "verdict":{"minisign":{"public_key":"pk","signature":"sig"},"hook":"scan","app":true},
    "max_rate":1000,"max_file_size":9223372036854775807,"parallel_ranges":4,"use_cache":false,"store":false,
    "use_peers":false,"share":false,"offline_ok":true,"redirect_loopback":true,"retry_delay_s":0.5,"no_progress_timeout_s":0,"maximum_time_s":3600,"notify":"mail",
    "connect":{"headers":[["X-A","1"],["X-B",""]],"user":"u","password":"p","proxy":"none","proxy_user":"pu",
      "proxy_password":"pp","ca_certificates":"CA","client_certificate":"C","client_key":"K","client_key_password":"kp",
      "http":"1.0"}})");
  ASSERT_TRUE(create) << create.error().text();
  const JobOptions& options = create->options;
  EXPECT_EQ(options.name, "ää");
  EXPECT_EQ(options.priority, Priority::high);
  EXPECT_FALSE(create->start);
  ASSERT_EQ(create->files.size(), 2U);
  EXPECT_EQ(create->files[0].ranges, (std::vector<ByteRange>{{0, 10}, {20, UINT64_MAX}, {UINT64_MAX, 7}}));
  EXPECT_EQ(create->files[0].mirrors, (std::vector<Mirror>{{"http://m/1", "", ""}, {"http://m/2", "", ""}}));
  EXPECT_EQ(create->files[0].sha256, sha256({}));
  EXPECT_EQ(create->files[0].destination, "/tmp/x");
  EXPECT_EQ(create->files[0].minisign_signature, "s");
  EXPECT_FALSE(create->files[1].sha256);
  EXPECT_EQ(options.verdict.minisign_public_key, "pk");
  EXPECT_EQ(options.verdict.minisign_signature, "sig");
  EXPECT_EQ(options.verdict.hook, "scan");
  EXPECT_TRUE(options.verdict.app);
  EXPECT_EQ(options.max_rate, 1000U);
  EXPECT_EQ(options.max_file_size, static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_EQ(options.parallel_ranges, 4U);
  EXPECT_FALSE(options.use_cache);
  EXPECT_FALSE(options.store);
  EXPECT_FALSE(options.use_peers || options.share);
  EXPECT_TRUE(options.offline_ok);
  EXPECT_TRUE(options.redirect_loopback);
  EXPECT_EQ(options.retry_delay, std::chrono::milliseconds(500));
  EXPECT_EQ(options.no_progress_timeout, Duration{});
  EXPECT_EQ(options.maximum_time, std::chrono::hours(1));
  EXPECT_EQ(options.notify_command, "mail");
  EXPECT_EQ(options.connect.headers, (std::vector<origin::Header>{{"X-A", "1"}, {"X-B", ""}}));
  EXPECT_EQ(options.connect.user, "u");
  EXPECT_EQ(options.connect.password, "p");
  EXPECT_EQ(options.connect.proxy, "none");
  EXPECT_EQ(options.connect.proxy_user, "pu");
  EXPECT_EQ(options.connect.proxy_password, "pp");
  EXPECT_EQ(options.connect.ca_certificates, "CA");
  EXPECT_EQ(options.connect.client_certificate, "C");
  EXPECT_EQ(options.connect.client_key, "K");
  EXPECT_EQ(options.connect.client_key_password, "kp");
  EXPECT_EQ(options.connect.http, origin::ConnectOptions::Http::http1_0);
}

struct Bad {
  std::string body;
  const char* message;
};

class BadJob : public testing::TestWithParam<Bad> {};

TEST_P(BadJob, IsRefusedAndSaysWhere) {
  const auto create = parse_create(GetParam().body);
  ASSERT_FALSE(create) << GetParam().body;
  EXPECT_EQ(create.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(create.error().text(), HasSubstr(GetParam().message)) << GetParam().body.substr(0, 200);
}

std::string file_with(const std::string& member) {
  return R"({"files":[{"url":"https://e/x",)" + member + "}]}";
}
std::string connect_with(const std::string& member) {
  return R"({"connect":{)" + member + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJob,
    testing::Values(
        Bad{"", "it is not JSON (at byte"}, Bad{"{", "it is not JSON"}, Bad{"{}x", "it is not JSON"},
        Bad{"[]", "it is not a JSON object"}, Bad{"null", "not a JSON object"}, Bad{"\"x\"", "not a JSON object"},
        Bad{"{\"name\":\"\xff\"}", "it is not JSON"}, Bad{"{\"name\":\"\\ud800\"}", "it is not JSON"},
        Bad{"{\"name\":'x'}", "it is not JSON"}, Bad{"{\"max_rate\":NaN}", "it is not JSON"},
        Bad{"{\"max_rate\":Infinity}", "it is not JSON"}, Bad{"{\"max_rate\":01}", "it is not JSON"},
        Bad{"{\"a\":1}", "\"a\" is not known"}, Bad{"{\"name\":\"a\",\"name\":\"b\"}", "\"name\" is given twice"},
        Bad{R"({"files":[{"url":"a","url":"b"}]})", "\"url\" is given twice"},
        Bad{"{\"name\":1}", "\"name\" must be text"}, Bad{"{\"name\":\"a\\u0000b\"}", "NUL"},
        Bad{"{\"name\":\"" + std::string(1025, 'x') + "\"}", "at most 1024 bytes"},
        Bad{"{\"priority\":\"urgent\"}", "\"priority\" must be one of"}, Bad{"{\"priority\":1}", "must be text"},
        Bad{"{\"start\":\"yes\"}", "\"start\" must be true or false"}, Bad{"{\"start\":1}", "must be true or false"},
        Bad{"{\"max_rate\":-1}", "\"max_rate\" must be a whole number"},
        Bad{"{\"max_rate\":1.5}", "must be a whole number"}, Bad{"{\"max_rate\":\"1\"}", "must be a whole number"},
        Bad{"{\"max_rate\":9223372036854775808}", "must be a whole number"},
        Bad{"{\"max_rate\":99999999999999999999999}", "must be a whole number"},
        Bad{"{\"max_rate\":1e400}", "not JSON"}, Bad{"{\"parallel_ranges\":0}", "from 1 to 16"},
        Bad{"{\"parallel_ranges\":17}", "from 1 to 16"}, Bad{"{\"retry_delay_s\":-0.1}", "number of seconds"},
        Bad{"{\"retry_delay_s\":1e300}", "number of seconds"}, Bad{"{\"retry_delay_s\":\"5\"}", "number of seconds"},
        Bad{"{\"files\":{}}", "\"files\" must be a list"}, Bad{"{\"files\":[1]}", "\"files[0]\" must be an object"},
        Bad{"{\"files\":[{}]}", "\"files[0].url\" is missing"}, Bad{"{\"files\":[{\"url\":null}]}", "is missing"},
        Bad{"{\"files\":[{\"url\":\"" + std::string(8193, 'x') + "\"}]}", "at most 8192 bytes"},
        Bad{file_with("\"urls\":1"), "\"files[0].urls\" is not known"},
        Bad{file_with("\"sha256\":\"abc\""), "\"files[0].sha256\" must be 64 hex digits"},
        Bad{file_with("\"sha256\":\"\""), "must be 64 hex digits"},
        Bad{file_with("\"sha256\":\"" + std::string(63, 'a') + "g\""), "must be 64 hex digits"},
        Bad{file_with("\"ranges\":[[1]]"), "\"files[0].ranges[0]\" must be [offset, length]"},
        Bad{file_with("\"ranges\":[[-1,2]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[1,0]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[1,2,3]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[null,0]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[null,null]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[null,9223372036854775808]]"), "must be [offset, length]"},
        Bad{file_with("\"mirrors\":\"http://m/\""), "\"files[0].mirrors\" must be a list"},
        Bad{file_with("\"mirrors\":[1]"), "\"files[0].mirrors[0]\" must be a URL"},
        Bad{file_with("\"mirrors\":[\"" + std::string(8193, 'x') + "\"]"), "\"files[0].mirrors[0]\" must be a URL"},
        Bad{file_with("\"ranges\":[[9223372036854775807,1]]"), "must be [offset, length]"},
        Bad{file_with("\"ranges\":[[0,10],[1.5,2]]"), "\"files[0].ranges[1]\""},
        Bad{file_with("\"ranges\":5"), "\"files[0].ranges\" must be a list"},
        Bad{"{\"verdict\":true}", "\"verdict\" must be an object"},
        Bad{"{\"verdict\":{\"minisign\":{}}}", "\"verdict.minisign.public_key\" is missing"},
        Bad{"{\"verdict\":{\"minisign\":{\"public_key\":\"x\",\"y\":1}}}", "\"verdict.minisign.y\" is not known"},
        Bad{"{\"verdict\":{\"digest\":1}}", "\"verdict.digest\" is not known"},
        Bad{connect_with("\"headers\":{}"), "\"connect.headers\" must be a list"},
        Bad{connect_with("\"headers\":[[\"A\"]]"), "\"connect.headers[0]\" must be"},
        Bad{connect_with("\"headers\":[[\"A\",1]]"), "must be [\"Name\", \"value\"]"},
        Bad{connect_with("\"headers\":[[\"\",\"x\"]]"), "a name that no header may have"},
        Bad{connect_with("\"headers\":[[\"A B\",\"x\"]]"), "a name that no header may have"},
        Bad{connect_with("\"headers\":[[\"A:\",\"x\"]]"), "a name that no header may have"},
        Bad{connect_with("\"headers\":[[\"A\",\"x\\r\\nB: y\"]]"), "control characters"},
        Bad{connect_with("\"headers\":[[\"A\\r\\nB\",\"x\"]]"), "a name that no header may have"},
        Bad{connect_with("\"headers\":[[\"RANGE\",\"bytes=0-\"]]"), "the agent sets it itself"},
        Bad{connect_with("\"headers\":[[\"Host\",\"x\"]]"), "the agent sets it itself"},
        Bad{connect_with("\"headers\":[[\"A\",\"1\"],[\"If-Match\",\"x\"]]"),
            "\"connect.headers[1]\" must not be \"If-Match\": the agent sets it itself"},
        Bad{connect_with("\"headers\":[[\"A\",\"" + std::string(17'000, 'x') + "\"]]"), "at most 16384 bytes in all"},
        Bad{connect_with("\"proxy\":\"ftp://x\""), "\"connect.proxy\" must be"},
        Bad{connect_with("\"ca_file\":\"/ca.pem\""), "\"connect.ca_file\" is not taken: the agent opens no file"},
        Bad{connect_with("\"ca_file\":\"\""), "send the PEM text as \"connect.ca_certificates\""},
        Bad{connect_with("\"ca_certificates\":\"" + std::string(524'289, 'x') + "\""), "at most 524288 bytes"},
        Bad{connect_with("\"client_key\":\"K\""), "must be given together"},
        Bad{connect_with("\"http\":\"3\""), "\"connect.http\" must be one of"},
        Bad{connect_with("\"cookie\":\"a\""), "\"connect.cookie\" is not known"}));

// Who asked may be newer than this agent: its words say so, and which version this is.
TEST(JobJson, ANameThatIsNotKnownIsRefusedInWordsThatNameTheAgent) {
  const std::string known_by =
      fmt::format("is not known to this agent ({}, API {}): it is older than who asks", kVersion, kApiVersion);
  EXPECT_THAT(parse_create(R"({"mirrors_of_tomorrow":[]})").error().text(),
              HasSubstr("\"mirrors_of_tomorrow\" " + known_by));
  EXPECT_THAT(match_route("GET", "/v1/jobs?of_tomorrow=1").error().text(), HasSubstr("\"of_tomorrow\" " + known_by));
  EXPECT_THAT(match_route("GET", "/v1/of_tomorrow").error().text(), HasSubstr(kVersion));
}

TEST(JobJson, DepthAndNumberAreBounded) {
  const std::string deep = std::string(2'000'000, '[');
  EXPECT_THAT(parse_create(deep).error().text(), HasSubstr("more than 32 levels deep"));
  std::string objects;
  for (int i = 0; i < 33; ++i) objects += "{\"a\":";
  EXPECT_THAT(parse_create(objects).error().text(), HasSubstr("levels deep"));
  // Brackets in text do not count.
  EXPECT_TRUE(parse_create("{\"name\":\"" + std::string(100, '[') + "\\\"[\"}"));
  std::string many = "{\"files\":[";
  for (std::size_t i = 0; i < kMaxJsonValues; ++i) many += "1,";
  EXPECT_THAT(parse_create(many + "1]}").error().text(), HasSubstr("more than 200000 values"));
  std::string headers = "{\"connect\":{\"headers\":[";
  for (int i = 0; i < 65; ++i) headers += fmt::format("{}[\"A{}\",\"\"]", i ? "," : "", i);
  EXPECT_THAT(parse_create(headers + "]}}").error().text(), HasSubstr("at most 64 elements"));
}

TEST(JobJson, AThousandFilesAreTakenAndNotOneMore) {
  for (const std::size_t count : {1000U, 1001U}) {
    std::string body = "{\"files\":[";
    for (std::size_t i = 0; i < count; ++i) body += fmt::format("{}{{\"url\":\"http://e/{}\"}}", i ? "," : "", i);
    const auto create = parse_create(body + "]}");
    EXPECT_EQ(create.has_value(), count == 1000);
    if (create) {
      EXPECT_EQ(create->files.back().url, "http://e/999");
    }
  }
}

TEST(JobJson, SmallerBodies) {
  EXPECT_EQ(parse_files(R"({"files":[{"url":"u"}]})")->size(), 1U);
  EXPECT_FALSE(parse_files("{}"));
  EXPECT_FALSE(parse_files(R"({"files":[],"name":"x"})"));

  const auto change = parse_change(R"({"name":"","max_rate":0,"retry_delay_s":1,"priority":null})");
  ASSERT_TRUE(change);
  EXPECT_EQ(change->name, "");
  EXPECT_EQ(change->max_rate, 0U);
  EXPECT_EQ(change->retry_delay, Duration(std::chrono::seconds(1)));
  EXPECT_FALSE(change->priority);
  EXPECT_FALSE(change->maximum_time);
  EXPECT_FALSE(parse_change(R"({"state":"error"})"));
  EXPECT_FALSE(parse_change(R"({"priority":"none"})"));

  const auto verdict = parse_verdict(R"({"valid":false,"reason":"broken"})");
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->valid);
  EXPECT_EQ(verdict->reason, "broken");
  EXPECT_FALSE(parse_verdict(R"({"reason":"x"})"));
  EXPECT_FALSE(parse_verdict(R"({"valid":0})"));
  EXPECT_FALSE(parse_verdict("{\"valid\":true,\"reason\":\"" + std::string(4097, 'x') + "\"}"));

  EXPECT_EQ(*parse_retarget(R"({"url":"http://e/"})"), "http://e/");
  EXPECT_FALSE(parse_retarget("{}"));
  EXPECT_EQ(*parse_descriptors(R"({"files":[0,999,0]})"), (std::vector<unsigned>{0, 999, 0}));
  for (const char* bad : {"{}", R"({"files":[]})", R"({"files":[-1]})", R"({"files":[1000]})", R"({"files":["1"]})"})
    EXPECT_FALSE(parse_descriptors(bad)) << bad;
  EXPECT_TRUE(*parse_pin(R"({"pinned":true})"));
  EXPECT_FALSE(parse_pin("{}"));
}

}  // namespace
}  // namespace larder::agent

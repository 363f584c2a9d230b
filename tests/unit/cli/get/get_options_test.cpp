#include "agent/cli/get/get_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace larder::agent {
namespace {

FileReader files(std::map<std::string, std::string> contents) {
  return [contents = std::move(contents)](const std::string& path) -> Result<std::string> {
    const auto found = contents.find(path);
    if (found == contents.end()) return fail(ErrorCode::not_found, "read " + path, "it is not there");
    return found->second;
  };
}

GetOptions one(const std::string& url = "https://example.org/x.iso") {
  GetOptions options;
  options.request.urls = {url};
  options.working_directory = "/work";
  return options;
}

TEST(ParseRanges, ReadsInclusiveRanges) {
  EXPECT_EQ(parse_ranges("0-99").value(), (std::vector<ByteRange>{{0, 100}}));
  EXPECT_EQ(parse_ranges("100-199, 900-").value(), (std::vector<ByteRange>{{100, 100}, {900, UINT64_MAX}}));
  EXPECT_EQ(parse_ranges("5-5").value(), (std::vector<ByteRange>{{5, 1}}));
  EXPECT_EQ(parse_ranges("-100").value(), (std::vector<ByteRange>{{UINT64_MAX, 100}}));
  EXPECT_EQ(parse_ranges("0-9, -1").value(), (std::vector<ByteRange>{{0, 10}, {UINT64_MAX, 1}}));
}

TEST(ParseRanges, RefusesTheRest) {
  for (const char* text : {"", "5", "-", "-0", "-5x", "--5", "-5-", "18446744073709551615-", "-18446744073709551615",
                           "9-5", "a-b", "0-99,", "0-99x", "0--1", "18446744073709551616-", "0-18446744073709551615"})
    EXPECT_FALSE(parse_ranges(text)) << text;
}

TEST(ParseHeader, TakesOneLine) {
  EXPECT_EQ(parse_header("Accept: a/b ").value(), (std::pair<std::string, std::string>{"Accept", "a/b"}));
  EXPECT_EQ(parse_header("X:").value().second, "");
  for (const std::string& text : {std::string("novalue"), std::string(": x"), std::string("A: b\r\nC: d"),
                                  std::string("A : b"), std::string("A: b\0c", 6)})
    EXPECT_FALSE(parse_header(text)) << text;
}

TEST(ParseUser, TakesTheFirstLineAndNeverShowsIt) {
  EXPECT_EQ(parse_user("me:pass:word\nmore", "f").value(), (std::pair<std::string, std::string>{"me", "pass:word"}));
  const auto bad = parse_user("verysecret", "f");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text().find("verysecret"), std::string::npos);
}

TEST(MakePlan, HasTheDefaultsOfAnInteractiveDownload) {
  const auto plan = make_plan(one(), files({}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->request.priority, "foreground");
  EXPECT_EQ(plan->request.no_progress_timeout, Duration(std::chrono::minutes(10)));
  EXPECT_TRUE(plan->request.start && plan->request.use_cache && plan->request.store);
  EXPECT_FALSE(plan->request.app_verdict);
  ASSERT_EQ(plan->request.files.size(), 1u);
  EXPECT_EQ(plan->request.files[0].destination, "/work/x.iso");
  EXPECT_TRUE(plan->request.name.starts_with("get x.iso #"));
}

TEST(MakePlan, TakesUserAndPasswordOfTheNetrcForEachHost) {
  GetOptions options;
  options.working_directory = "/work";
  options.request.urls = {"https://a.example/1", "https://b.example/2", "https://u:own@a.example/3",
                          "https://second@a.example/4"};
  options.request.home = "/home/me";
  options.request.netrc = true;
  const char* text = "machine a.example login me password s3:cret/@\nmachine a.example login second password two\n";
  const auto plan = make_plan(options, files({{"/home/me/.netrc", text}}));
  ASSERT_TRUE(plan) << plan.error().text();
  const std::string body = job_body(plan->request);
  EXPECT_THAT(body, testing::HasSubstr("https://me:s3%3Acret%2F%40@a.example/1\""));
  EXPECT_THAT(body, testing::HasSubstr("\"https://b.example/2\""));
  EXPECT_THAT(body, testing::HasSubstr("\"https://u:own@a.example/3\""));
  EXPECT_THAT(body, testing::HasSubstr("\"https://second:two@a.example/4\""));
  EXPECT_EQ(plan->request.files[0].url, "https://a.example/1") << "what is shown holds no password";
  EXPECT_TRUE(plan->request.notes.empty());
}

TEST(MakePlan, GoesWithoutANetrcThatIsNotThereUnlessItIsNamed) {
  GetOptions options = one();
  options.request.home = "/home/me";
  options.request.netrc = true;
  const auto without = make_plan(options, files({}));
  ASSERT_TRUE(without) << without.error().text();
  EXPECT_EQ(without->request.notes.size(), 1u);
  options.request.netrc_file = "mine";
  EXPECT_FALSE(make_plan(options, files({{"/home/me/.netrc", "default login a password b"}})));
  const auto named = make_plan(options, files({{"mine", "default login a password b"}}));
  ASSERT_TRUE(named) << named.error().text();
  EXPECT_THAT(job_body(named->request), testing::HasSubstr("https://a:b@example.org/"));
  options.request.user_file = "user";
  EXPECT_FALSE(make_plan(options, files({{"mine", "default login a password b"}, {"user", "x:y"}})));
}

TEST(MakePlan, TakesMirrorsOfOneUrlWithADigest) {
  GetOptions options = one();
  options.request.mirrors = {" https://m.example/x.iso ", "https://n.example/y"};
  const auto undecided = make_plan(options, files({}));
  ASSERT_FALSE(undecided);
  EXPECT_THAT(undecided.error().text(), testing::HasSubstr("--sha256"));
  options.request.sha256 = std::string(64, 'a');
  options.request.netrc_file = "n";
  const auto plan = make_plan(options, files({{"n", "machine n.example login u password p"}}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_THAT(job_body(plan->request),
              testing::HasSubstr(R"("mirrors":["https://m.example/x.iso","https://u:p@n.example/y"])"));
  options.request.mirrors.push_back("ftp://n.example/y");
  EXPECT_FALSE(make_plan(options, files({{"n", ""}})));
  options.request.mirrors = std::vector<std::string>(17, "https://m.example/x");
  EXPECT_FALSE(make_plan(options, files({{"n", ""}})));
}

TEST(MakePlan, LeavesTheNameToTheOrigin) {
  GetOptions options;
  options.working_directory = "/work";
  options.request.urls = {"https://a.example/get?id=1", "https://a.example/get?id=2"};
  EXPECT_FALSE(make_plan(options, files({}))) << "both would be called get";
  options.remote_name = true;
  const auto plan = make_plan(options, files({}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->request.files[0].destination, "/work/get");
  EXPECT_EQ(plan->request.files[1].destination, "/work/get.1");
  EXPECT_TRUE(plan->request.files[1].remote_name);
  options.request.urls.pop_back();
  options.output = "x";
  EXPECT_FALSE(make_plan(options, files({})));
  options.output.clear();
  options.remote_name = false;
  options.overwrite = true;
  EXPECT_FALSE(make_plan(options, files({})));
}

TEST(MakePlan, TakesEveryOption) {
  GetOptions options = one();
  RequestOptions& request = options.request;
  request.sha256 = std::string(64, 'A');
  request.minisign_key = "key.pub";
  request.minisign_signature_file = "x.minisig";
  request.hook = "scan";
  request.priority = "low";
  request.rate = "10 MiB/s";
  request.max_size = "2 GiB";
  request.headers = {"A: b"};
  request.header_file = "headers";
  request.user_file = "user";
  request.proxy = "http://proxy:3128";
  request.proxy_user_file = "proxy-user";
  request.ca_file = "ca.pem";
  request.certificate_file = "cert";
  request.key_file = "key";
  request.key_password_file = "key-password";
  request.http = "1.1";
  request.ranges = "0-9";
  request.retry_for = "1h";
  request.retry_delay = "2s";
  request.maximum_time = "3h";
  request.notify = "mail";
  request.parallel = 4;
  request.no_cache = request.no_store = request.redirect_loopback = true;
  request.no_peers = request.no_share = request.offline_ok = true;
  options.check_command = "true";
  const auto plan = make_plan(options, files({{"key.pub", "untrusted comment: x\nRWQkey\n"},
                                              {"x.minisig", "sig\ntext\n"},
                                              {"headers", "# mine\nC: d\n\n"},
                                              {"user", "me:secret\n"},
                                              {"proxy-user", "pu:pp"},
                                              {"ca.pem", "-----BEGIN CERTIFICATE-----\nCA"},
                                              {"cert", "CERT"},
                                              {"key", "KEY"},
                                              {"key-password", "kp\n"}}));
  ASSERT_TRUE(plan) << plan.error().text();
  const JobRequest& made = plan->request;
  EXPECT_EQ(made.files[0].sha256, std::string(64, 'A'));
  EXPECT_EQ(made.files[0].ranges.size(), 1u);
  EXPECT_EQ(made.minisign_public_key, "RWQkey");
  EXPECT_EQ(made.minisign_signature, "sig\ntext\n");
  EXPECT_EQ(made.hook, "scan");
  EXPECT_EQ(made.priority, "low");
  EXPECT_EQ(made.max_rate, 10 * kMiB);
  EXPECT_EQ(made.max_file_size, 2 * kGiB);
  EXPECT_EQ(made.headers.size(), 2u);
  EXPECT_EQ(made.user + "/" + made.password, "me/secret");
  EXPECT_EQ(made.proxy_user + "/" + made.proxy_password, "pu/pp");
  EXPECT_EQ(made.ca_certificates, "-----BEGIN CERTIFICATE-----\nCA");
  EXPECT_EQ(made.client_certificate + made.client_key + made.client_key_password, "CERTKEYkp");
  EXPECT_EQ(made.no_progress_timeout, Duration(std::chrono::hours(1)));
  EXPECT_EQ(made.retry_delay, Duration(std::chrono::seconds(2)));
  EXPECT_EQ(made.maximum_time, Duration(std::chrono::hours(3)));
  EXPECT_EQ(made.parallel_ranges, 4u);
  EXPECT_FALSE(made.use_cache || made.store || made.use_peers || made.share);
  EXPECT_TRUE(made.offline_ok);
  EXPECT_TRUE(made.redirect_loopback && made.app_verdict);
}

TEST(MakePlan, ReadsTheAuthoritiesItselfAndRefusesWhatIsNone) {
  const auto told = [](const std::string& text) {
    GetOptions options = one();
    options.request.ca_file = "ca.pem";
    const auto plan = make_plan(options, files({{"ca.pem", text}}));
    return plan ? "sent: " + plan->request.ca_certificates : plan.error().text();
  };
  EXPECT_EQ(told("-----BEGIN CERTIFICATE-----\n"), "sent: -----BEGIN CERTIFICATE-----\n");
  EXPECT_THAT(told("not PEM"), testing::HasSubstr("no certificate in it"));
  EXPECT_THAT(told("-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n"), testing::HasSubstr("private key"));
  EXPECT_THAT(told("-----BEGIN CERTIFICATE-----\n" + std::string(512 * 1024, 'x')), testing::HasSubstr("512 KiB"));
}

// More than half of all keys have a slash.
TEST(MakePlan, TellsAMinisignKeyFromAFile) {
  const std::string with_slash = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U";
  const std::string plain = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
  for (const std::string& key : {with_slash, plain, with_slash + "\r", " " + with_slash}) {
    GetOptions options = one();
    options.request.minisign_key = key;
    options.request.minisign_signature_file = "x.minisig";
    const auto plan = make_plan(options, files({{"x.minisig", "sig"}}));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(plan->request.minisign_public_key, key.find(with_slash) != std::string::npos ? with_slash : plain);
  }
  GetOptions options = one();
  options.request.minisign_key = "./" + plain;
  options.request.minisign_signature_file = "x.minisig";
  const auto plan =
      make_plan(options, files({{"./" + plain, "comment\r\n" + with_slash + "\r\n\r\n"}, {"x.minisig", "sig"}}));
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->request.minisign_public_key, with_slash);
}

// Every file that people write, as editors of other systems leave it.
TEST(MakePlan, ReadsFilesOfAnyEditor) {
  const std::string mark = "\xEF\xBB\xBF";
  GetOptions options = one();
  RequestOptions& request = options.request;
  request.urls = {" https://example.org/x.iso\r"};
  request.headers = {"E: f\r\n"};
  request.list_file = "list";
  request.header_file = "headers";
  request.user_file = "user";
  request.proxy_user_file = "proxy-user";
  request.certificate_file = "cert";
  request.key_file = "key";
  request.key_password_file = "password";
  request.minisign_key = "key.pub";
  request.minisign_signature_file = "x.minisig";
  const auto plan = make_plan(options, files({{"list", mark + "https://example.org/y\r\n"},
                                              {"headers", mark + "A: b\r\n# no\r\n\r\nC: d"},
                                              {"user", mark + "me:pass word \r\n"},
                                              {"proxy-user", mark + "you:two"},
                                              {"cert", mark + "-----BEGIN"},
                                              {"key", mark + "-----BEGIN"},
                                              {"password", mark + "secret\r\n"},
                                              {"key.pub", mark + "untrusted comment: x\r\nRWQkey\r\n"},
                                              {"x.minisig", mark + "untrusted comment: y"}}));
  ASSERT_TRUE(plan) << plan.error().text();
  const JobRequest& made = plan->request;
  EXPECT_EQ(made.files.at(0).url, "https://example.org/x.iso");
  EXPECT_EQ(made.files.at(1).url, "https://example.org/y");
  EXPECT_EQ(made.headers, (std::vector<std::pair<std::string, std::string>>{{"E", "f"}, {"A", "b"}, {"C", "d"}}));
  EXPECT_EQ(made.user + "|" + made.password, "me|pass word ") << "blanks may be the password's";
  EXPECT_EQ(made.proxy_user + "|" + made.proxy_password, "you|two");
  EXPECT_EQ(made.client_certificate + made.client_key, "-----BEGIN-----BEGIN");
  EXPECT_EQ(made.client_key_password, "secret");
  EXPECT_EQ(made.minisign_public_key, "RWQkey");
  EXPECT_EQ(made.minisign_signature, "untrusted comment: y");
}

TEST(CompletePlan, RefusesACheckOfWhatIsNoFile) {
  GetOptions options = one();
  options.check_command = "true";
  auto plan = make_plan(options, files({}));
  ASSERT_TRUE(plan);
  plan->request.files[0].stream = true;
  EXPECT_FALSE(complete_plan(*plan));
  plan->request.files[0].stream = false;
  EXPECT_TRUE(complete_plan(*plan));
  plan->request.files[0].destination = "-";
  EXPECT_FALSE(complete_plan(*plan));
  plan->check_command.clear();
  EXPECT_TRUE(complete_plan(*plan));
  plan->json = true;
  EXPECT_FALSE(complete_plan(*plan));
}

TEST(MakePlan, RefusesWhatDoesNotFitTogether) {
  const auto refused = [](const std::function<void(GetOptions&)>& change) {
    GetOptions options = one();
    change(options);
    const auto plan = make_plan(options, files({{"list", "https://e/1\nhttps://e/2\n"}}));
    return !plan;
  };
  EXPECT_FALSE(refused([](GetOptions&) {}));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.urls.clear(); }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.urls = {"ftp://example.org/x"}; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.urls = {"file:///etc/passwd"}; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.sha256 = "abc"; }));
  EXPECT_TRUE(refused([](GetOptions& o) {
    o.request.list_file = "list";
    o.request.sha256 = std::string(64, 'a');
  }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.minisign_key = "RWQ"; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.user_file = "missing"; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.rate = "fast"; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.retry_for = "soon"; }));
  EXPECT_TRUE(refused([](GetOptions& o) { o.request.ranges = "x"; }));
  EXPECT_TRUE(refused([](GetOptions& o) {
    o.output = "-";
    o.check_command = "true";
  }));
  EXPECT_TRUE(refused([](GetOptions& o) {
    o.output = "-";
    o.json = true;
  }));
}

std::string key_of(const std::function<void(GetOptions&)>& change,
                   const std::string& url = "https://example.org/x.iso") {
  GetOptions options = one(url);
  change(options);
  return plan_key(make_plan(options, files({{"u1", "me:one"}, {"u2", "me:two"}, {"u3", "you:one"}})).value());
}

TEST(PlanKey, IsThatOfTheFilesAndTheWayTheyAreFetched) {
  const std::string plain = key_of([](GetOptions&) {});
  EXPECT_EQ(plain.size(), 8u);
  EXPECT_EQ(plain, key_of([](GetOptions& o) { o.request.rate = "1 MiB/s"; }));
  EXPECT_EQ(plain, key_of([](GetOptions& o) { o.quiet = o.json = true; }));
  EXPECT_EQ(plain, key_of([](GetOptions&) {}, "https://me:secret@example.org/x.iso"));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.output = "y"; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.sha256 = std::string(64, 'a'); }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.ranges = "0-9"; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.no_cache = true; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.no_peers = true; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.no_share = true; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.request.offline_ok = true; }));
  EXPECT_NE(plain, key_of([](GetOptions& o) { o.check_command = "true"; }));
}

TEST(PlanKey, HoldsNoSecret) {
  EXPECT_EQ(key_of([](GetOptions& o) { o.request.user_file = "u1"; }),
            key_of([](GetOptions& o) { o.request.user_file = "u2"; }));
  EXPECT_NE(key_of([](GetOptions& o) { o.request.user_file = "u1"; }),
            key_of([](GetOptions& o) { o.request.user_file = "u3"; }));
  EXPECT_EQ(key_of([](GetOptions& o) { o.request.headers = {"Authorization: a"}; }),
            key_of([](GetOptions& o) { o.request.headers = {"Authorization: b"}; }));
}

TEST(IsJobOf, FindsWhatAnEarlierRunBegan) {
  const auto plan = make_plan(one(), files({})).value();
  JobView job;
  job.name = plan_job_name(plan);
  job.files_total = 1;
  for (const char* state :
       {"suspended", "queued", "transferring", "validating", "transferred", "transient_error", "error"}) {
    job.state = state;
    EXPECT_TRUE(is_job_of(plan, job)) << state;
  }
  for (const char* state : {"acknowledged", "cancelled"}) {
    job.state = state;
    EXPECT_FALSE(is_job_of(plan, job)) << state;
  }
  job.state = "suspended";
  job.files_total = 2;
  EXPECT_FALSE(is_job_of(plan, job));
  job.files_total = 1;
  job.name = "get x.iso #00000000";
  EXPECT_FALSE(is_job_of(plan, job));
}

TEST(WorthGoingOn, AsksAnewForWhatTheRequestWasToBlame) {
  JobView job;
  job.state = "error";
  job.error = Error{ErrorCode::unauthorized, "x", "y"};
  EXPECT_FALSE(worth_going_on(job));
  job.error = Error{ErrorCode::http_fatal, "x", "y"};
  EXPECT_FALSE(worth_going_on(job));
  job.error = Error{ErrorCode::validation_failed, "x", "y"};
  EXPECT_TRUE(worth_going_on(job));
  job.error = Error{ErrorCode::disk_full, "x", "y"};
  EXPECT_TRUE(worth_going_on(job));
  job.state = "suspended";
  job.error = Error{ErrorCode::unauthorized, "x", "y"};
  EXPECT_TRUE(worth_going_on(job));
}

TEST(WorthKeeping, KeepsWhatSomebodyMayWant) {
  JobView job;
  job.files.resize(2);
  job.files[0].state = "transferred";
  job.files[0].bytes = 10;
  job.files[1].state = "failed";
  EXPECT_FALSE(worth_keeping(job));
  job.files[1].bytes = 1;
  EXPECT_TRUE(worth_keeping(job));
  job.files[1].bytes = 0;
  job.files[1].verdict = "not_valid";
  EXPECT_TRUE(worth_keeping(job));
}

}  // namespace
}  // namespace larder::agent

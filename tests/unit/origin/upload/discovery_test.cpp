#include "origin/upload/discovery.h"

#include <gmock/gmock.h>

#include "upload_bench.h"

namespace larder::origin {
namespace {

using test::answer_of;
using test::UploadBench;
using testing::HasSubstr;

// What an answer to OPTIONS leads to, in a few words.
std::string words(const DiscoveryStep& step) {
  if (step.kind == DiscoveryStep::Kind::failed) return "fail " + std::string(error_info(step.error->code).name);
  if (step.kind == DiscoveryStep::Kind::ask_again)
    return std::string(step.wait > Duration::zero() ? "wait " : "") + step.request.method + " " + step.request.url.path;
  if (step.place.dialect == UploadDialect::tus) return "tus";
  return step.place.told ? "put" : "put untold";
}

DiscoveryStep after(const UploadAnswer& answer) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 10));
  return after_discovery(bench.turn(), bench.plan.target, answer);
}

TEST(discovery, answers) {
  const std::pair<const char*, const char*> cases[] = {
      {"lost", "wait OPTIONS /in/box/"},
      {"away", "wait OPTIONS /in/box/"},
      {"nonsense", "fail bad_response"},
      {"broken", "fail certificate_rejected"},
      {"200", "put untold"},
      {"204", "put untold"},
      {"303", "fail bad_response"},
      {"307", "OPTIONS /elsewhere/"},
      {"400", "fail http_fatal"},
      {"401", "fail unauthorized"},
      {"403", "fail http_fatal"},
      {"404", "put untold"},
      {"405", "put untold"},
      {"408", "wait OPTIONS /in/box/"},
      {"410", "put untold"},
      {"429", "wait OPTIONS /in/box/"},
      {"500", "wait OPTIONS /in/box/"},
      {"501", "put untold"},
      {"503", "wait OPTIONS /in/box/"},
      {"505", "fail http_fatal"},
  };
  for (const auto& [name, expected] : cases) EXPECT_EQ(words(after(test::answer_named(name))), expected) << name;
}

TEST(discovery, fields) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{{"Tus-Version", "1.0.0"}, {"Tus-Extension", "creation"}}, "tus"},
      {{{"Tus-Version", "2.0.0, 1.0.0"}, {"Tus-Extension", "expiration,creation,checksum"}}, "tus"},
      {{{"Tus-Version", "1.0.0"}, {"Tus-Extension", "creation-with-upload"}}, "put untold"},
      {{{"Tus-Version", "1.0.0"}}, "put untold"},
      {{{"Tus-Version", "0.2.2"}, {"Tus-Extension", "creation"}}, "put untold"},
      {{{"DAV", "1,2"}}, "put"},
      {{{"DAV", "1,2"}, {"Allow", "GET"}}, "put"},
      {{{"Allow", "GET, HEAD, PUT"}}, "put"},
      {{{"Allow", "GET"}, {"Allow", "PUT"}}, "put"},
      {{{"Allow", "GET, HEAD"}}, "fail http_fatal"},
      {{{"Allow", "PUTT"}}, "fail http_fatal"},
      {{{"Tus-Version", "1.0.0"}, {"Tus-Extension", "creation"}, {"Allow", "PUT"}}, "tus"},
  };
  for (const auto& [headers, expected] : cases)
    EXPECT_EQ(words(after(answer_of(204, headers))), expected) << headers[0].first << " " << headers[0].second;
}

TEST(discovery, facts_of_tus) {
  const auto facts = [](const char* extensions, const char* algorithms, const char* most = "") {
    return after(answer_of(204, {{"Tus-Version", "1.0.0"},
                                 {"Tus-Extension", extensions},
                                 {"Tus-Checksum-Algorithm", algorithms},
                                 {"Tus-Max-Size", most}}))
        .place.tus;
  };
  EXPECT_EQ(facts("creation", "sha1,sha256"), TusFacts{}) << "announced, but not as an extension";
  EXPECT_EQ(facts("creation,checksum", "md5,sha1").checksum, PartAlgorithm::sha1);
  EXPECT_EQ(facts("creation,checksum", "sha1,sha256").checksum, PartAlgorithm::sha256);
  EXPECT_EQ(facts("creation,checksum", "md5").checksum, std::nullopt);
  EXPECT_EQ(facts("creation", "", "1000").max_size, 1000U);
  EXPECT_EQ(facts("creation", "", "-1").max_size, std::nullopt);
  const TusFacts all = facts("creation,expiration,termination,larder-key", "");
  EXPECT_TRUE(all.expiration && all.termination && all.keyed);
}

TEST(discovery, the_question_is_put_to_the_target) {
  const Url target = *parse_url("http://127.0.0.1/in/box/");
  EXPECT_EQ(discovery_request(target).method, "OPTIONS");
  EXPECT_EQ(discovery_request(target).url.path, "/in/box/");
  EXPECT_FALSE(discovery_request(target).redirected);
}

TEST(discovery, redirects_are_bounded_and_checked) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 10));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(words(after_discovery(bench.turn(), bench.plan.target, test::answer_named("307"))),
              "OPTIONS /elsewhere/");
  EXPECT_EQ(words(after_discovery(bench.turn(), bench.plan.target, test::answer_named("307"))),
            "fail too_many_redirects");
  EXPECT_EQ(words(after(answer_of(308, {{"Location", "http://169.254.169.254/"}}))), "fail redirect_forbidden");
}

TEST(discovery, the_jobs_own_word_needs_no_question) {
  EXPECT_FALSE(place_as_wished(ProtocolWish::any));
  EXPECT_FALSE(place_as_wished(ProtocolWish::tus)) << "its extensions are asked for";
  EXPECT_EQ(place_as_wished(ProtocolWish::bits)->dialect, UploadDialect::bits);
  EXPECT_EQ(place_as_wished(ProtocolWish::put)->dialect, UploadDialect::put);
}

TEST(discovery, what_is_chosen) {
  const DiscoveredPlace untold;
  const DiscoveredPlace dav{UploadDialect::put, {}, true};
  const DiscoveredPlace tus{UploadDialect::tus, {}, true};
  const std::uint64_t small = kMaxUnaskedPut, large = kMaxUnaskedPut + 1;
  const std::tuple<DiscoveredPlace, ProtocolWish, std::uint64_t, const char*> cases[] = {
      {untold, ProtocolWish::any, small, "put"}, {untold, ProtocolWish::any, large, "too_large"},
      {dav, ProtocolWish::any, small, "put"},    {dav, ProtocolWish::any, large, "too_large"},
      {tus, ProtocolWish::any, large, "tus"},    {untold, ProtocolWish::put, large, "put"},
      {tus, ProtocolWish::put, large, "put"},    {untold, ProtocolWish::tus, large, "tus"},
      {tus, ProtocolWish::bits, large, "bits"},  {tus, ProtocolWish::bits, 0, "invalid_argument"},
  };
  for (const auto& [place, wish, size, expected] : cases) {
    UploadPlan plan = test::plan_for(UploadDialect::put, size);
    const Status status = choose_dialect(place, wish, plan);
    const char* const names[] = {"tus", "bits", "put"};
    EXPECT_EQ(status ? names[static_cast<std::size_t>(plan.dialect)] : error_info(status.error().code).name, expected)
        << size;
  }
}

TEST(discovery, a_file_that_the_server_does_not_take_is_not_begun) {
  UploadPlan plan = test::plan_for(UploadDialect::tus, 11);
  DiscoveredPlace place{UploadDialect::tus, {}, true};
  place.tus.max_size = 10;
  const Status status = choose_dialect(place, ProtocolWish::any, plan);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::too_large);
  EXPECT_THAT(status.error().text(), HasSubstr("it has 11 bytes, and the server takes 10 at most"));
}

TEST(discovery, wishes_have_names) {
  EXPECT_EQ(protocol_wish_from_name("auto"), ProtocolWish::any);
  EXPECT_EQ(protocol_wish_from_name("tus"), ProtocolWish::tus);
  EXPECT_EQ(protocol_wish_from_name("bits"), ProtocolWish::bits);
  EXPECT_EQ(protocol_wish_from_name("put"), ProtocolWish::put);
  EXPECT_FALSE(protocol_wish_from_name("ftp"));
}

// -- the memory
// --------------------------------------------------------------------------------------------------------
const SteadyTime kNow{std::chrono::hours(100)};
const DiscoveredPlace kTus{UploadDialect::tus, {}, true};

Url url(const std::string& text) {
  return *parse_url(text);
}

TEST(discovery_memory, holds_for_a_day_and_for_the_same_folder) {
  DiscoveryMemory memory;
  memory.remember(url("http://h/in/box/a.bin?x=1"), kTus, kNow);
  EXPECT_EQ(memory.recall(url("http://h/in/box/b.bin"), kNow), kTus);
  EXPECT_EQ(memory.recall(url("http://h:80/in/box/"), kNow), kTus);
  for (const char* other :
       {"http://h/in/", "http://h/in/box/c/d", "http://h:81/in/box/", "https://h/in/box/", "http://i/in/box/"})
    EXPECT_FALSE(memory.recall(url(other), kNow)) << other;
  EXPECT_TRUE(memory.recall(url("http://h/in/box/"), kNow + DiscoveryMemory::kKept - Duration(1)));
  EXPECT_FALSE(memory.recall(url("http://h/in/box/"), kNow + DiscoveryMemory::kKept));
}

TEST(discovery_memory, is_told_anew_and_forgets) {
  DiscoveryMemory memory;
  memory.remember(url("http://h/a/"), kTus, kNow);
  memory.remember(url("http://h/a/"), {}, kNow + std::chrono::hours(1));
  EXPECT_EQ(memory.recall(url("http://h/a/"), kNow + std::chrono::hours(24)), DiscoveredPlace{});
  memory.forget(url("http://h/a/f"));
  EXPECT_FALSE(memory.recall(url("http://h/a/"), kNow));
}

TEST(discovery_memory, is_bounded) {
  DiscoveryMemory memory;
  for (std::size_t i = 0; i <= DiscoveryMemory::kMaxEntries; ++i)
    memory.remember(url("http://h/" + std::to_string(i) + "/"), kTus, kNow);
  EXPECT_FALSE(memory.recall(url("http://h/0/"), kNow)) << "the oldest";
  EXPECT_TRUE(memory.recall(url("http://h/1/"), kNow));
  EXPECT_TRUE(memory.recall(url("http://h/256/"), kNow));
}

}  // namespace
}  // namespace larder::origin

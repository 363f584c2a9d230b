// What one job's own way of asking brought is given to nobody else, and nothing of others is mixed into it.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;
using origin::ConnectOptions;
using origin::Privacy;

constexpr std::size_t kSize = 2 * cache::kMinSegment + kMiB + 99;
const std::string kLiar = "http://liar.test:3128";

class Privacies : public ::testing::Test, public TransferLab {
 protected:
  Privacies() : TransferLab(1, false) {
    origin.files[kUrl] = make_file(kUrl, 1, kSize);
    // The same size, ETag and date with other bytes.
    FakeFile lie = make_file(kUrl, 2, kSize);
    lie.edition.version = origin.files[kUrl].edition.version;
    origin.by_proxy[kLiar] = lie;
  }

  [[nodiscard]] static TransferRequest asking(const std::string& file_id, const std::string& url,
                                              const std::function<void(ConnectOptions&)>& change) {
    TransferRequest asked = request(file_id, url);
    auto options = std::make_shared<ConnectOptions>();
    change(*options);
    asked.target.options = options;
    return asked;
  }
  [[nodiscard]] static TransferRequest over_liar(const std::string& file_id) {
    return asking(file_id, kUrl, [](ConnectOptions& options) {
      options.proxy = kLiar;
      options.callers_proxy = true;
    });
  }
  [[nodiscard]] const std::vector<std::byte>& truth() { return origin.files[kUrl].bytes; }
  [[nodiscard]] const std::vector<std::byte>& lies() { return origin.by_proxy[kLiar].bytes; }

  void expect_untold() {
    EXPECT_TRUE(neighbours.prefetched.empty());
    EXPECT_TRUE(neighbours.queries.empty());
    EXPECT_TRUE(neighbours.whole.empty());
    EXPECT_TRUE(neighbours.merges.empty());
  }
  void expect_private(const Recorder& recorder, Privacy why) {
    ASSERT_TRUE(recorder.ok()) << recorder.error().text();
    EXPECT_FALSE(recorder.value().content.shareable);
    EXPECT_EQ(privacy_info(recorder.value().privacy).code, privacy_info(why).code);
    EXPECT_NE(recorder.value().note.find(privacy_info(why).text), std::string::npos) << recorder.value().note;
  }
  void break_off(const TransferRequest& asked) {
    origin.script = {Behaviour{{}, cache::kMinSegment + kMiB},
                     Behaviour{Error{ErrorCode::connection_lost, "fetch", "broken"}}};
    ASSERT_FALSE(fetch(asked)->ok());
    restart();
    origin.fetches.clear();
    origin.script.clear();
  }
};

TEST_F(Privacies, ALyingProxyHarmsItsCallerAlone) {
  const auto b = fetch(over_liar("b"));
  expect_whole(*b, lies());
  expect_private(*b, Privacy::callers_proxy);
  expect_untold();
  const auto a = fetch(request("a"));
  expect_whole(*a, truth());
  EXPECT_EQ(a->value().figures.origin, kSize);
  EXPECT_TRUE(a->value().content.shareable);
  const auto again = fetch(over_liar("b2"));
  expect_whole(*again, lies());
  EXPECT_NE(again->value().content.id, a->value().content.id) << "what others have is not what it asked for";
}

TEST_F(Privacies, TwoUsersTwoProxiesAtTheSameTime) {
  const std::string other = "http://other.test:3128";
  FakeFile third = make_file(kUrl, 3, kSize);
  third.edition.version = origin.files[kUrl].edition.version;
  origin.by_proxy[other] = third;
  const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>(), c = std::make_shared<Recorder>();
  start(over_liar("b"), b);
  start(request("a"), a);
  start(asking("c", kUrl,
               [&other](ConnectOptions& options) {
                 options.proxy = other;
                 options.callers_proxy = true;
               }),
        c);
  EXPECT_TRUE(loop.run_until([&] { return a->result && b->result && c->result; }));
  loop.run_ready();
  expect_whole(*a, truth());
  expect_whole(*b, lies());
  expect_whole(*c, third.bytes);
}

TEST_F(Privacies, TwoOfOneProxyShareNothingEither) {
  const auto b = std::make_shared<Recorder>(), c = std::make_shared<Recorder>();
  start(over_liar("b"), b);
  start(over_liar("c"), c);
  EXPECT_TRUE(loop.run_until([&] { return b->result && c->result; }));
  EXPECT_EQ(origin.fetches.size(), 2U);
  EXPECT_NE(b->value().content.id, c->value().content.id);
}

TEST_F(Privacies, AProxyOfTheConfigurationIsShared) {
  const auto configured = [](ConnectOptions& options) { options.proxy = "http://proxy.office:3128"; };
  const auto a = fetch(asking("a", kUrl, configured));
  expect_whole(*a, truth());
  EXPECT_TRUE(a->value().content.shareable);
  const auto b = fetch(asking("b", kUrl, configured));
  EXPECT_EQ(b->value().figures.cache, kSize);
}

TEST_F(Privacies, APrivateJobDoesNotFillWhatOthersGoOnWith) {
  break_off(request("a"));
  const auto b = fetch(over_liar("b"));
  expect_whole(*b, lies());
  EXPECT_EQ(b->value().figures.cache, 0U) << "nothing of others is mixed in";
  const auto a = fetch(request("a"));
  expect_whole(*a, truth());
}

TEST_F(Privacies, APrivateBeginningStaysWithItsJob) {
  origin.files[kUrl].edition.privacy = Privacy::says_private;
  break_off(request("b"));
  origin.files[kUrl].edition.privacy = Privacy::shareable;  // the same version, which others may have now
  const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>();
  start(request("b"), b);
  start(request("a"), a);
  EXPECT_TRUE(loop.run_until([&] { return a->result && b->result; }));
  loop.run_ready();
  expect_whole(*a, truth());
  expect_whole(*b, truth());
  EXPECT_EQ(origin.fetches.front().offset, cache::kMinSegment) << "it is gone on with";
  expect_private(*b, Privacy::private_beginning);
  EXPECT_TRUE(a->value().content.shareable);
  EXPECT_NE(a->value().content.id, b->value().content.id);
  EXPECT_EQ(neighbours.whole.size(), 1U) << "of the other alone";
  EXPECT_EQ(a->value().figures.origin, kSize);
}

TEST_F(Privacies, AHeaderThatIsInNoListOfSecretsMakesItPrivate) {
  for (const char* name : {"X-Jwt-Assertion", "X-Signature", "Cf-Access-Jwt-Assertion", "X-Pass", "Referer"}) {
    cache.records.clear();
    neighbours.prefetched.clear();  // of those who asked plainly in vain
    TransferRequest asked = asking("b", kUrl, [name](ConnectOptions& options) { options.headers = {{name, "v"}}; });
    asked.want_sha256 = true;
    const auto b = fetch(asked);
    expect_whole(*b, truth());
    EXPECT_FALSE(b->value().content.shareable) << name;
    expect_untold();
    TransferRequest by_digest = request("c", "http://elsewhere.test/nothing");
    by_digest.sha256 = sha256(truth());
    EXPECT_EQ(fetch(by_digest)->code(), ErrorCode::not_found) << name << ": a digest is no permission";
  }
}

TEST_F(Privacies, ASignedUrlIsFoundByNobody) {
  const std::string url = kUrl + "?X-Amz-Signature=abc&X-Amz-Expires=60";
  origin.files[url] = make_file(url, 7, kSize);
  TransferRequest asked = request("b", url);
  asked.want_sha256 = true;
  const auto b = fetch(asked);
  expect_private(*b, Privacy::signed_query);
  expect_untold();
  TransferRequest by_digest = request("c", "http://elsewhere.test/nothing");
  by_digest.sha256 = sha256(origin.files[url].bytes);
  EXPECT_EQ(fetch(by_digest)->code(), ErrorCode::not_found);
  const auto again = fetch(request("d", url));
  EXPECT_EQ(again->value().figures.origin, kSize) << "the same URL is asked again";
}

TEST_F(Privacies, AHeaderThatChoosesTheContentMakesNoNewestEdition) {
  FakeFile chosen = make_file(kUrl, 8, kSize);
  origin.by_header["X-Rewrite-URL"] = chosen;
  const auto b = fetch(asking("b", kUrl, [](ConnectOptions& options) {
    options.headers = {{"X-Rewrite-URL", "/evil"}};
  }));
  expect_whole(*b, chosen.bytes);
  cache.records.at(b->value().content.id).info.validated = true;  // its owner says that it is well
  neighbours.around = false;
  origin.unreachable = Error{ErrorCode::connect_failed, "fetch", "refused"};
  TransferRequest offline = request("a");
  offline.offline_ok = true;
  EXPECT_EQ(fetch(offline)->code(), ErrorCode::connect_failed);
}

TEST_F(Privacies, APrivateJobHasNoNewestEditionOfOthers) {
  const auto a = fetch(request("a"));
  expect_whole(*a, truth());
  cache.records.at(a->value().content.id).info.validated = true;
  origin.unreachable = Error{ErrorCode::connect_failed, "fetch", "refused"};
  TransferRequest over_dead_proxy = over_liar("b");
  over_dead_proxy.offline_ok = true;
  EXPECT_EQ(fetch(over_dead_proxy)->code(), ErrorCode::connect_failed);
}

TEST_F(Privacies, AnswersThatComeLaterCountToo) {
  FakeFile file = origin.files[kUrl];
  origin.heads[kUrl] = file;
  file.edition.privacy = Privacy::sets_cookie;  // which a HEAD need not say
  origin.files[kUrl] = file;
  neighbours.around = true;
  const auto a = std::make_shared<Recorder>(), b = std::make_shared<Recorder>();
  start(request("a"), a);
  start(request("b"), b);
  EXPECT_TRUE(loop.run_until([&] { return a->result && b->result; }));
  loop.run_ready();
  for (const auto& one : {a, b}) {
    expect_whole(*one, truth());
    expect_private(*one, Privacy::sets_cookie);
  }
  EXPECT_NE(a->value().content.id, b->value().content.id);
  EXPECT_TRUE(neighbours.whole.empty());
  for (const auto& [id, record] : cache.records) EXPECT_FALSE(record.info.shareable) << id;
}

TEST_F(Privacies, WhatIsOfThisMachineStaysOnIt) {
  origin.files[kUrl].edition.privacy = Privacy::loopback_answer;
  const auto a = fetch(request("a"));
  expect_whole(*a, truth());
  EXPECT_TRUE(a->value().content.shareable);
  EXPECT_FALSE(a->value().content.offered);
  EXPECT_TRUE(neighbours.queries.empty());
  EXPECT_TRUE(neighbours.whole.empty());
  const auto b = fetch(request("b"));
  EXPECT_EQ(b->value().figures.cache, kSize) << "other jobs of the machine have it";
}

TEST_F(Privacies, ALoopbackUrlIsNotEvenAskedFor) {
  const std::string url = "http://127.0.0.1:8000/file.iso";
  origin.files[url] = make_file(url, 9, kSize);
  const auto a = fetch(request("a", url));
  expect_whole(*a, origin.files[url].bytes);
  expect_untold();
  EXPECT_FALSE(a->value().content.offered);
  EXPECT_EQ(a->value().privacy, Privacy::loopback_answer);
  cache.records.clear();
  TransferRequest shared = request("b", url);
  auto policy = std::make_shared<origin::UrlPolicy>();
  policy->sharing.share_loopback = true;
  shared.target.policy = policy;
  const auto b = fetch(shared);
  EXPECT_TRUE(b->value().content.offered);
  EXPECT_EQ(neighbours.whole.size(), 1U);
}

TEST_F(Privacies, BytesOfThisMachineMakeNoVersionOfThemKnown) {
  const std::string url = "http://localhost/file.iso";
  origin.files[url] = make_file(url, 1, kSize);  // the very bytes of kUrl
  const auto a = fetch(request("a"));
  const auto b = fetch(request("b", url));
  expect_whole(*b, truth());
  EXPECT_NE(b->value().content.id, a->value().content.id);
  for (const cache::Version& version : cache.records.at(a->value().content.id).info.versions) {
    EXPECT_EQ(version.url, kUrl) << "a content that is offered is offered under all its versions";
  }
}

TEST(SharingKey, IsEmptyForWhatIsPrivateBeforeAnyAnswer) {
  const auto key = [](const std::function<void(TransferRequest&, ConnectOptions&, origin::UrlPolicy&)>& change) {
    TransferRequest request = TransferLab::request("f");
    auto options = std::make_shared<ConnectOptions>();
    auto policy = std::make_shared<origin::UrlPolicy>();
    change(request, *options, *policy);
    request.target.options = options;
    request.target.policy = policy;
    return agent::sharing_key(request);
  };
  const std::string plain = key([](auto&, auto&, auto&) {});
  EXPECT_FALSE(plain.empty());
  EXPECT_EQ(key([](auto&, auto& o, auto&) { o.callers_proxy = true; }), "");
  EXPECT_EQ(key([](auto&, auto& o, auto&) { o.callers_authorities = true; }), "");
  EXPECT_EQ(key([](auto&, auto& o, auto&) { o.client_certificate = "pem"; }), "");
  EXPECT_EQ(key([](auto&, auto& o, auto&) { o.user = "u"; }), "");
  EXPECT_EQ(key([](auto&, auto& o, auto&) { o.headers = {{"X-Anything", "v"}}; }), "");
  EXPECT_EQ(key([](auto&, auto&, auto& p) { p.sharing.private_hosts = {"origin.test"}; }), "");
  EXPECT_EQ(key([](auto& r, auto&, auto&) { r.target.url.user = "u"; }), "");
  EXPECT_EQ(key([](auto& r, auto&, auto&) { r.target.url.query = "sig=1"; }), "");
  const std::string german = key([](auto&, auto& o, auto&) { o.headers = {{"Accept-Language", "de"}}; });
  EXPECT_FALSE(german.empty());
  EXPECT_NE(german, plain) << "what may choose the content tells requests apart";
  EXPECT_FALSE(key([](auto& r, auto&, auto&) { r.target.url = *origin::parse_url("http://127.0.0.1/x"); }).empty())
      << "users of one machine share what is of the machine";
}

}  // namespace
}  // namespace larder::test

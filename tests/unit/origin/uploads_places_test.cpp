// Where an upload is led, what is told to whom, the reply of an application, and the cancelling of an upload.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_directory.h"
#include "uploads_fixture.h"

namespace larder::origin {
namespace {

using test::answer_of;
using UploadsPlacesTest = UploadsFixture;

std::shared_ptr<const ConnectOptions> with_credentials() {
  auto options = std::make_shared<ConnectOptions>();
  options->user = "anna";
  options->password = "secret";
  options->headers = {{"X-Api-Key", "secret"}};
  return options;
}

TEST_F(UploadsPlacesTest, AnotherHostIsShownNoCredentials) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  expect_fates("POST", {answered(answer_of(307, {{"Location", "http://127.0.0.2:8080/in/box/"}}))});
  UploadJob made = job(text_of(1000), ProtocolWish::any);
  made.options = with_credentials();
  const auto heard = run(made);
  ASSERT_TRUE(heard->ok()) << heard->why();
  for (const HttpRequest& request : http->requests) {
    const bool own = request.url.host == "127.0.0.1";
    EXPECT_EQ(request.options->user, own ? "anna" : "") << request.method << " " << request.url.canonical();
    EXPECT_EQ(request.options->headers.empty(), !own) << request.method << " " << request.url.canonical();
  }
  EXPECT_EQ(http->requests.back().url.host, "127.0.0.2") << "the upload stands there";
}

// A server outside must not make the agent send to what only this machine reaches.
TEST_F(UploadsPlacesTest, AServerOutsideLeadsNowhereInside) {
  for (const int status : {307, 201}) {
    test::TusServer server({});
    use(server);
    http->other = options_of_larder;
    UploadAnswer answer = answer_of(status, {{"Location", "http://10.0.0.1/up/1"}});
    answer.head.address = "93.184.216.34";
    expect_fates("POST", {answered(answer)});
    UploadJob made = job(text_of(1000), ProtocolWish::any);
    made.plan.target = *parse_url("http://upload.example/in/box/");
    const auto heard = run(made);
    EXPECT_EQ(heard->code(), ErrorCode::redirect_forbidden) << status << heard->why();
    for (const HttpRequest& request : http->requests) EXPECT_EQ(request.url.host, "upload.example") << status;
  }
}

TEST_F(UploadsPlacesTest, ARedirectOutsideIsMarkedAsSuch) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  UploadAnswer answer = answer_of(307, {{"Location", "http://elsewhere.example/in/box/"}});
  answer.head.address = "93.184.216.34";
  expect_fates("POST", {answered(answer)});
  UploadJob made = job(text_of(1000), ProtocolWish::any);
  made.plan.target = *parse_url("http://upload.example/in/box/");
  ASSERT_TRUE(run(made)->ok());
  EXPECT_FALSE(http->requests.front().redirected);
  EXPECT_TRUE(http->requests.back().redirected) << "the address of its host is to be checked";
}

TEST_F(UploadsPlacesTest, APlaceThatIsNotWhatItWasIsAskedAnew) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  ASSERT_TRUE(run(job("first", ProtocolWish::any))->ok());
  UploadJob second = job("second", ProtocolWish::any);
  second.plan.key = "key-2";
  expect_fates("POST", {answered(answer_of(405))});
  EXPECT_EQ(run(second)->code(), ErrorCode::http_fatal);
  EXPECT_EQ(count("OPTIONS"), 1U);
  ASSERT_TRUE(run(second)->ok());
  EXPECT_EQ(count("OPTIONS"), 2U) << "what was remembered does not hold";
}

// After a restart of the agent nothing is remembered. The upload that stands there is gone on with all the same.
TEST_F(UploadsPlacesTest, AnUploadThatHasBegunKeepsItsDialect) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  Fate dies;
  dies.dies = true;
  expect_fates("PATCH", {dies});
  const UploadJob made = job(text_of(1000), ProtocolWish::any);
  const auto heard = std::make_shared<UploadHeard>();
  attempt(made, heard);
  ASSERT_EQ(heard->dialect, UploadDialect::tus);
  http->other = [](const HttpRequest& request) -> std::optional<UploadAnswer> {
    if (request.method != "OPTIONS") return std::nullopt;
    return answer_of(200, {{"Allow", "PUT, GET"}});
  };
  attempt(made, heard);
  EXPECT_TRUE(heard->ok()) << heard->why();
  EXPECT_EQ(count("PUT"), 0U);
  EXPECT_EQ(server.accepted.size(), 1U);
}

// -- the reply of an application -------------------------------------------------------------------------------------
class ReplyingServer final : public test::ModelServer {
 public:
  UploadAnswer handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                      bool whole) override {
    if (request.method.empty()) {
      ++asked;
      return request.url.path == "/reply/1" && !answers.empty() ? next() : answer_of(404);
    }
    UploadAnswer answer = bits.handle(request, digests, body, whole);
    accepted = bits.accepted;
    if (!accepted.empty() && test::field_of(request, "BITS-Packet-Type") == "Fragment")
      answer.head.headers.emplace_back("bits-reply-url", "/reply/1");
    return answer;
  }
  void lose_state() override {}

  test::BitsServer bits{{}};
  std::deque<UploadAnswer> answers;
  unsigned asked = 0;

 private:
  UploadAnswer next() {
    UploadAnswer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
};

TEST_F(UploadsPlacesTest, TheReplyIsAFileBeforeTheSessionIsClosed) {
  const larder::test::TempDirectory directory;
  ReplyingServer server;
  use(server);
  server.answers = {answer_of(503), test::no_answer(), answer_of(200, {}, "it is done")};
  UploadJob made = job(text_of(10'000), ProtocolWish::bits);
  made.plan.wants_reply = true;
  made.reply_file = directory / "reply";
  larder::test::write_file(made.reply_file, "an older one");
  const auto heard = run(made);
  ASSERT_TRUE(heard->ok()) << heard->why();
  EXPECT_EQ(larder::test::read_file(made.reply_file), "it is done");
  struct stat status {};
  ASSERT_EQ(stat(made.reply_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(server.asked, 3U);
  EXPECT_EQ(field_of_request(http->requests.back(), "BITS-Packet-Type"), "Close-Session");
  EXPECT_EQ(server.accepted.size(), 1U) << "a reply that does not come uploads nothing again";
}

TEST_F(UploadsPlacesTest, AReplyThatIsTooLargeOrGoneIsToldAndNotStored) {
  const larder::test::TempDirectory directory;
  const std::string endless(16 * 1024 * 1024 + 1, 'x');
  for (const bool large : {true, false}) {
    ReplyingServer server;
    use(server);
    if (large) server.answers = {answer_of(200, {}, endless)};
    UploadJob made = job(text_of(10'000), ProtocolWish::bits);
    made.plan.wants_reply = true;
    made.reply_file = directory / "reply";
    const auto heard = run(made, 1);
    EXPECT_EQ(heard->code(), large ? ErrorCode::too_large : ErrorCode::http_fatal) << heard->why();
    EXPECT_NE(access(made.reply_file.c_str(), F_OK), 0);
    EXPECT_EQ(http->open(), 0U);
  }
}

TEST_F(UploadsPlacesTest, AReplyThatCannotBeStoredIsFetchedAgain) {
  const larder::test::TempDirectory directory;
  ReplyingServer server;
  use(server);
  server.answers = {answer_of(200, {}, "yes"), answer_of(200, {}, "yes")};
  UploadJob made = job(text_of(10'000), ProtocolWish::bits);
  made.plan.wants_reply = true;
  made.reply_file = directory / "missing/reply";
  const auto heard = std::make_shared<UploadHeard>();
  attempt(made, heard);
  EXPECT_FALSE(heard->ok());
  ASSERT_EQ(mkdir((directory / "missing").c_str(), 0700), 0);
  attempt(made, heard);
  EXPECT_TRUE(heard->ok()) << heard->why();
  EXPECT_EQ(larder::test::read_file(made.reply_file), "yes");
  EXPECT_EQ(server.accepted.size(), 1U);
}

// -- cancelling ------------------------------------------------------------------------------------------------------
class UploadsCancelTest : public UploadsFixture {
 protected:
  // An upload of which a part is there.
  UploadJob begun(ProtocolWish wish) {
    UploadJob made = job(text_of(10'000), wish);
    Fate dies;
    dies.dies = true;
    http->fate = [dies](const HttpRequest& request) { return request.body_length > 0 ? dies : Fate{}; };
    const auto heard = std::make_shared<UploadHeard>();
    attempt(made, heard);
    http->fate = nullptr;
    made.progress = heard->progress;
    made.plan.dialect = heard->dialect;
    made.source.reset();
    http->requests.clear();
    return made;
  }
  std::optional<bool> cancel(UploadJob made) {
    std::optional<bool> nothing_left;
    uploads->cancel(std::move(made), [&](bool told) { nothing_left = told; });
    EXPECT_FALSE(nothing_left) << "an event within cancel()";
    EXPECT_TRUE(loop.wait_for([&] { return nothing_left.has_value(); }));
    return nothing_left;
  }
};

TEST_F(UploadsCancelTest, AsksATusServerThatEndsUploads) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  const UploadJob made = begun(ProtocolWish::any);
  EXPECT_EQ(cancel(made), true);
  EXPECT_EQ(count("OPTIONS"), 1U) << "the agent was started anew";
  EXPECT_EQ(count("DELETE"), 1U);
  EXPECT_EQ(http->requests.back().url.canonical(), made.progress.url);
  EXPECT_EQ(cancel(made), true) << "the server knows it no more";
  http->fate = [](const HttpRequest&) { return away(); };
  EXPECT_EQ(cancel(made), false) << "to be asked again";
}

TEST_F(UploadsCancelTest, AsksNothingOfATusServerThatLetsUploadsExpire) {
  test::TusServer server({});
  use(server);
  http->other = [](const HttpRequest& request) -> std::optional<UploadAnswer> {
    if (request.method != "OPTIONS") return std::nullopt;
    return answer_of_tus_options("creation,expiration");
  };
  EXPECT_EQ(cancel(begun(ProtocolWish::any)), true);
  EXPECT_EQ(count("DELETE"), 0U);
}

TEST_F(UploadsCancelTest, EndsASessionOfBits) {
  test::BitsServer server({});
  use(server);
  EXPECT_EQ(cancel(begun(ProtocolWish::bits)), true);
  EXPECT_EQ(field_of_request(http->requests.back(), "BITS-Packet-Type"), "Cancel-Session");
}

TEST_F(UploadsCancelTest, AsksNothingWhereNothingWasMade) {
  test::PutServer server(false, false);
  use(server);
  EXPECT_EQ(cancel(begun(ProtocolWish::put)), true);
  EXPECT_EQ(cancel(job("never begun", ProtocolWish::tus)), true);
  EXPECT_TRUE(http->requests.empty());
}

}  // namespace
}  // namespace larder::origin

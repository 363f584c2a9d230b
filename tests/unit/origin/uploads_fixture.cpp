#include "uploads_fixture.h"

#include "base/error_table.h"
#include "base/runtime/loop.h"

namespace larder::origin {

HttpId ModelHttp::start(HttpRequest request, std::shared_ptr<HttpEvents> events) {
  const HttpId id = ++last_id_;
  requests.push_back(request);
  Fate fate_of_it = fate ? fate(request) : Fate{};
  open_[id] = {std::move(request), std::move(events), std::move(fate_of_it), {}, 0};
  loop_.post([this, id] { go_on(id); });
  return id;
}

// What went out before the request was cut may have arrived.
void ModelHttp::cancel(HttpId id) {
  if (telling_ == id) telling_ = 0;
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  if (found->second.told > 0) static_cast<void>(ask(found->second, false));
  open_.erase(found);
}

void ModelHttp::send(HttpId id, Buffer bytes) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;  // it ended meanwhile
  Open& open = found->second;
  open.body.append(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size());
  EXPECT_LE(open.body.size(), open.request.body_length) << "more than the request said";
  ahead = std::max(ahead, open.body.size() - open.told);
  loop_.post([this, id, size = bytes.size()] {
    const auto sending = open_.find(id);
    if (sending == open_.end() || sending->second.told >= sending->second.fate.arrives) return;
    const auto most =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, sending->second.fate.arrives - sending->second.told));
    sending->second.told += most;
    sent += most;
    const auto events = sending->second.events;
    if (most > 0) events->on_sent(most);
    go_on(id);
  });
}

UploadAnswer ModelHttp::ask(const Open& open, bool whole) {
  UploadRequest request;
  request.method = open.request.method;
  request.url = open.request.url;
  request.headers = open.request.headers;
  request.length = open.request.body_length;
  std::string body = open.body.substr(0, open.told);
  if (open.fate.damaged && !body.empty()) body[*open.fate.damaged % body.size()] ^= 1;
  return server_.handle(request, open.request.headers, body, whole);
}

void ModelHttp::go_on(HttpId id) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  const Fate& fate_of_it = found->second.fate;
  const std::uint64_t length = found->second.request.body_length;
  const std::uint64_t end = std::min(fate_of_it.arrives, length);
  if (!fate_of_it.unreached && found->second.told < end) return;
  const Open open = std::move(found->second);
  open_.erase(found);
  UploadAnswer answer;
  if (open.fate.unreached) {
    answer = test::no_answer(ErrorCode::connect_failed);
  } else if (open.fate.instead) {
    answer = *open.fate.instead;
  } else if (open.fate.arrives < length) {
    if (open.told > 0) static_cast<void>(ask(open, false));
    answer = test::no_answer(open.fate.lost_as);
  } else {
    auto others = other ? other(open.request) : std::nullopt;
    answer = others ? std::move(*others) : ask(open, true);
    if (open.fate.status_after != 0) answer = test::answer_of(open.fate.status_after);
    if (open.fate.answer_lost) answer = test::no_answer(open.fate.lost_as);
  }
  if (open.fate.dies) return on_death();
  tell(id, *open.events, answer);
}

void ModelHttp::tell(HttpId id, HttpEvents& events, const UploadAnswer& answer) {
  telling_ = id;
  if (answer.head.status != 0) events.on_head(answer.head);
  if (telling_ == id && !answer.text.empty()) events.on_data(copy_of(as_bytes(answer.text)));
  if (telling_ == id) events.on_done(answer.error ? Status(tl::unexpected(*answer.error)) : Status());
}

UploadAnswer answer_of_tus_options(const std::string& extensions) {
  return test::answer_of(
      204, {{"tus-version", "1.0.0"}, {"tus-extension", extensions}, {"tus-checksum-algorithm", "sha1,sha256"}});
}

std::optional<UploadAnswer> options_of_larder(const HttpRequest& request) {
  if (request.method != "OPTIONS") return std::nullopt;
  return answer_of_tus_options("creation,larder-key,checksum,termination");
}

std::string field_of_request(const HttpRequest& request, const std::string& name) {
  for (const Header& header : request.headers) {
    if (header.first == name) return header.second;
  }
  return "absent";
}

Fate away() {
  Fate fate;
  fate.unreached = true;
  return fate;
}

Fate answered(UploadAnswer answer, std::uint64_t after) {
  Fate fate;
  fate.instead = std::move(answer);
  fate.arrives = after;
  return fate;
}

void UploadsFixture::expect_fates(const std::string& method, std::deque<Fate> fates) {
  auto left = std::make_shared<std::deque<Fate>>(std::move(fates));
  http->fate = [method, left](const HttpRequest& request) {
    if (request.method != method || left->empty()) return Fate{};
    Fate fate = left->front();
    left->pop_front();
    return fate;
  };
}

std::size_t UploadsFixture::count(const std::string& method) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(http->requests, [&](const HttpRequest& request) { return request.method == method; }));
}

std::string UploadsFixture::text_of(std::size_t size) {
  const auto random = make_seeded_random(5);
  return test::random_bytes(size, *random);
}

void UploadsFixture::use(test::ModelServer& server) {
  uploads.reset();
  http.emplace(loop, server);
  http->on_death = [this] { died = true; };
  start_anew();
}

UploadJob UploadsFixture::job(std::string text, ProtocolWish wish) {
  source = std::make_shared<MemorySource>(std::move(text));
  UploadJob job;
  job.wish = wish;
  job.plan = test::plan_for(UploadDialect::tus, source->bytes.size());
  job.plan.retry = {std::chrono::seconds(5), std::chrono::seconds(60), 0.25};
  job.source = source;
  job.identity = *source->identity();
  job.source_name = "report.bin";
  return job;
}

void UploadsFixture::attempt(UploadJob job, const std::shared_ptr<UploadHeard>& heard) {
  ++attempts;
  heard->size = job.plan.size;
  if (heard->steps > 0) {
    job.progress = heard->progress;
    job.plan.dialect = heard->dialect;
  }
  heard->result.reset();
  last = uploads->start(std::move(job), heard);
  ASSERT_FALSE(heard->result) << "an event within start()";
  ASSERT_TRUE(loop.wait_for([&] { return heard->result.has_value() || died; })) << "it never ends";
  if (std::exchange(died, false)) {
    start_anew();
    loop.run_ready();
    ASSERT_FALSE(heard->result) << "an event after the end";
  }
}

std::shared_ptr<UploadHeard> UploadsFixture::run(const UploadJob& job, unsigned most) {
  auto heard = std::make_shared<UploadHeard>();
  for (attempts = 0; attempts < most;) {
    attempt(job, heard);
    if (testing::Test::HasFatalFailure()) break;
    if (!heard->result) continue;  // the agent died
    if (*heard->result || !error_info(heard->result->error().code).retryable) break;
    const auto wait = heard->result->error().retry_after;
    EXPECT_TRUE(wait) << "how long to wait is not said: " << heard->why();
    loop.advance(wait.value_or(std::chrono::seconds(1)));
  }
  return heard;
}

}  // namespace larder::origin

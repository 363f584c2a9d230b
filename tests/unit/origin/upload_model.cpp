#include "upload_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/runtime/loop.h"
#include "base/text/text.h"
#include "origin/http/http_fields.h"
#include "origin/upload/progress_text.h"

namespace larder::origin::test {
namespace {

std::string repr_digest(std::string_view bytes) {
  return fmt::format("sha-256=:{}:", to_base64(sha256(as_bytes(bytes))));
}

std::string value_of(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (lower_case(header.first) == lower_case(name)) return header.second;
  }
  return {};
}

std::uint64_t number_of(const UploadRequest& request, std::string_view name) {
  return parse_decimal(field_of(request, name).value_or("")).value_or(UINT64_MAX);
}

}  // namespace

std::optional<std::string> field_of(const UploadRequest& request, std::string_view name) {
  for (const Header& header : request.headers) {
    if (lower_case(header.first) == lower_case(name)) return header.second;
  }
  return std::nullopt;
}

UploadAnswer answer_of(int status, std::vector<Header> headers, std::string text) {
  UploadAnswer answer;
  answer.head.status = status;
  answer.head.headers = std::move(headers);
  for (Header& header : answer.head.headers) header.first = lower_case(header.first);
  answer.text = std::move(text);
  return answer;
}

UploadAnswer no_answer(ErrorCode code) {
  UploadAnswer answer;
  answer.error = Error{code, "send the request", "the connection ended", std::nullopt};
  return answer;
}

// -- tus --------------------------------------------------------------------------------------------------------------
UploadAnswer TusServer::handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                               bool whole) {
  if (field_of(request, "Tus-Resumable") != "1.0.0") return answer_of(412, {{"Tus-Version", "1.0.0"}});
  if (request.method == "POST") return create(request, digests);
  const auto found = uploads_.find(request.url.path);
  if (found == uploads_.end()) return answer_of(404);
  if (request.method == "HEAD") return told(found->second, 200);
  if (request.method == "PATCH") return append(found->second, request, digests, body, whole);
  uploads_.erase(found);
  return answer_of(204);
}

UploadAnswer TusServer::told(const Upload& upload, int status) const {
  UploadAnswer answer = answer_of(status, {{"Upload-Offset", fmt::format("{}", upload.bytes.size())},
                                           {"Upload-Length", fmt::format("{}", upload.size)}});
  if (manner_.keyed && upload.done) answer.head.headers.emplace_back("repr-digest", repr_digest(upload.bytes));
  return answer;
}

void TusServer::complete(Upload& upload) {
  if (upload.done || upload.bytes.size() != upload.size) return;
  upload.done = true;
  accepted.push_back({upload.key, upload.bytes});
}

UploadAnswer TusServer::create(const UploadRequest& request, const std::vector<Header>& digests) {
  static_cast<void>(digests);
  const std::string key = field_of(request, "Idempotency-Key").value_or("");
  if (manner_.keyed) {
    for (const auto& [path, upload] : uploads_) {
      if (upload.key != key) continue;
      UploadAnswer again = answer_of(201, {{"Location", path}});
      if (upload.done) again.head.headers.emplace_back("repr-digest", repr_digest(upload.bytes));
      return again;
    }
  }
  const std::string path = fmt::format("/up/{}", ++made_);
  Upload& upload = uploads_[path];
  upload.key = key;
  upload.size = number_of(request, "Upload-Length");
  complete(upload);
  UploadAnswer answer = answer_of(201, {{"Location", path}});
  if (manner_.keyed && upload.done) answer.head.headers.emplace_back("repr-digest", repr_digest(upload.bytes));
  return answer;
}

UploadAnswer TusServer::append(Upload& upload, const UploadRequest& request, const std::vector<Header>& digests,
                               std::string_view body, bool whole) {
  if (field_of(request, "Content-Type") != "application/offset+octet-stream") return answer_of(415);
  if (number_of(request, "Upload-Offset") != upload.bytes.size()) return answer_of(409);
  if (request.length > manner_.part_limit) return answer_of(413);
  if (upload.bytes.size() + request.length > upload.size) return answer_of(400);
  const std::string sum = value_of(digests, "Upload-Checksum");
  if (manner_.checks && !sum.empty()) {
    if (!whole) return told(upload, 400);
    if (sum != "sha256 " + to_base64(sha256(as_bytes(body)))) return told(upload, 460);
  }
  upload.bytes += body;
  if (whole && upload.bytes.size() == upload.size) {
    const std::string digest = value_of(digests, "Larder-Upload-Digest");
    if (manner_.keyed && digest != repr_digest(upload.bytes)) return answer_of(422, {}, "digest");
  }
  complete(upload);
  UploadAnswer answer = told(upload, 204);
  if (upload.done && !manner_.keeps_done) uploads_.erase(request.url.path);
  return answer;
}

void TusServer::lose_state() {
  std::erase_if(uploads_, [](const auto& entry) { return !entry.second.done; });
}

// -- BITS -------------------------------------------------------------------------------------------------------------
UploadAnswer BitsServer::handle(const UploadRequest& request, const std::vector<Header>&, std::string_view body,
                                bool whole) {
  if (request.method != "BITS_POST") return answer_of(405);
  const bool to_host = !manner_.host_id.empty() && request.url.host == manner_.host_id;
  if (to_host && host_away) return no_answer(ErrorCode::connect_failed);
  const std::string type = field_of(request, "BITS-Packet-Type").value_or("");
  const std::vector<Header> ack = {{"BITS-Packet-Type", "Ack"}};
  if (type == "Ping") return answer_of(200, ack);
  if (type == "Create-Session") {
    if (manner_.once && !accepted.empty()) return answer_of(403, {{"BITS-Error-Code", "0x80070005"}});
    const char* form = manner_.braces ? "{{A0FF5911-0000-0000-0000-{:012}}}" : "a0ff5911-{}";
    const std::string id = fmt::format(fmt::runtime(form), ++made_);
    sessions_[id] = {};
    std::vector<Header> fields = {{"BITS-Session-Id", id}, {"BITS-Protocol", "{7DF0354D-249B-430F-820D-3D2A9BEF4931}"}};
    if (!manner_.host_id.empty() && !host_away) {
      fields.emplace_back("BITS-Host-Id", manner_.host_id);
      fields.emplace_back("BITS-Host-Id-Fallback-Timeout", fmt::format("{}", manner_.fall_back_s));
    }
    return answer_of(200, fields);
  }
  const std::string id = field_of(request, "BITS-Session-Id").value_or("");
  if (other_node && !to_host) {  // from now on this node is the one that works
    sessions_.clear();
    other_node = false;
  }
  const auto found = sessions_.find(id);
  if (found == sessions_.end())
    return answer_of(500, {{"BITS-Error-Code", "0x8020001F"}, {"BITS-Error-Context", "0x5"}});
  if (type == "Fragment") return fragment(found->second, request, body, whole);
  return type == "Close-Session" ? close(id) : answer_of(200, ack);
}

UploadAnswer BitsServer::fragment(Session& session, const UploadRequest& request, std::string_view body, bool whole) {
  if (!whole) return answer_of(400);
  const auto range = parse_content_range(field_of(request, "Content-Range").value_or(""));
  if (!range || range->last - range->first + 1 != body.size()) return answer_of(400);
  const auto next = [&session](int status) {
    return answer_of(status, {{"BITS-Received-Content-Range", fmt::format("{}", session.bytes.size())}});
  };
  if (body.size() > manner_.part_limit) return answer_of(413);
  if (range->first != session.bytes.size()) return next(416);
  session.bytes += body;
  if (session.bytes.size() == range->total && !manner_.commits_at_close) complete(session);
  return next(200);
}

void BitsServer::complete(Session& session) {
  if (!session.done) accepted.push_back({"", session.bytes});
  session.done = true;
}

UploadAnswer BitsServer::close(const std::string& id) {
  Session& session = sessions_[id];
  complete(session);
  if (!manner_.keeps_closed) sessions_.erase(id);
  return answer_of(200, {{"BITS-Packet-Type", "Ack"}});
}

void BitsServer::lose_state() {
  sessions_.clear();
}

// -- PUT --------------------------------------------------------------------------------------------------------------
UploadAnswer PutServer::handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                               bool whole) {
  if (request.method == "HEAD") {
    if (!file_) return answer_of(404);
    UploadAnswer answer = answer_of(200, {{"Content-Length", fmt::format("{}", file_->size())}});
    if (tells_digest_) answer.head.headers.emplace_back("repr-digest", repr_digest(*file_));
    return answer;
  }
  if (file_ && field_of(request, "If-None-Match") == "*") return answer_of(412);
  if (!whole && keeps_torn_) file_ = std::string(body);
  if (!whole) return answer_of(400);
  if (tells_digest_ && value_of(digests, "Repr-Digest") != repr_digest(body)) return answer_of(422, {}, "digest");
  file_ = std::string(body);
  accepted.push_back({field_of(request, "Idempotency-Key").value_or(""), *file_});
  UploadAnswer answer = answer_of(201);
  if (tells_digest_) answer.head.headers.emplace_back("repr-digest", repr_digest(*file_));
  return answer;
}

// -- the driver -------------------------------------------------------------------------------------------------------
namespace {

class Driver {
 public:
  Driver(const UploadPlan& plan, std::string_view source, ModelServer& server, const Faults& faults, std::uint64_t seed)
      : plan_(plan), source_(source), server_(server), faults_(faults), random_(make_seeded_random(seed)) {}

  UploadRun run(UploadProgress progress) {
    run_.progress = std::move(progress);
    UploadStep step = start();
    while (run_.trouble.empty() && run_.steps < 1000) {
      ++run_.steps;
      if (step.kind == UploadStep::Kind::done || step.kind == UploadStep::Kind::failed) break;
      if (step.kind == UploadStep::Kind::fetch_reply) {
        step = after_reply(turn());
        continue;
      }
      now_ += step.wait;
      const UploadProgress durable = run_.progress;
      step = carry_out(step.request, durable);
    }
    run_.end = std::move(step);
    return std::move(run_);
  }

 private:
  UploadTurn turn() { return {plan_, run_.progress, now_, *random_}; }

  UploadStep start() {
    hashed_ = 0;
    hasher_ = Sha256();
    whole_.reset();
    return start_upload(turn());
  }

  bool happens(unsigned chance) {
    if (budget_ >= faults_.most || random_->below(1000) >= chance) return false;
    ++budget_;
    return true;
  }

  UploadStep die(const UploadProgress& durable) {
    ++run_.faults;
    const Result<UploadProgress> stored = parse_progress(progress_text(durable));
    if (!stored || *stored != durable) run_.trouble = "what is stored is not read again";
    run_.progress = durable;
    return start();
  }

  UploadStep carry_out(const UploadRequest& request, const UploadProgress& durable) {
    hash(request);
    run_.largest = std::max(run_.largest, request.length);
    if (happens(faults_.agent_dies)) return die(durable);
    if (happens(faults_.server_forgets)) {
      ++run_.forgot;
      server_.lose_state();
    }
    UploadAnswer answer = ask(request);
    if (happens(faults_.agent_dies)) {
      run_.progress.sent = durable.sent;
      return die(durable);
    }
    answer.sha256 = whole_;
    return after_answer(turn(), answer);
  }

  // The whole's hash goes on where it stopped, and never past the end of the source.
  void hash(const UploadRequest& request) {
    if (request.hash_from == request.hash_to && !source_.empty()) return;
    if (request.hash_from != hashed_ || request.hash_to < hashed_ || request.hash_to > source_.size()) {
      run_.trouble = fmt::format("hash {} to {}, and {} are hashed", request.hash_from, request.hash_to, hashed_);
      return;
    }
    hasher_.update(as_bytes(source_.substr(hashed_, request.hash_to - hashed_)));
    hashed_ = request.hash_to;
    if (hashed_ == source_.size() && !whole_) whole_ = hasher_.finish();
  }

  std::vector<Header> digests_of(const UploadRequest& request, std::string_view body) {
    std::vector<Header> fields;
    for (const DigestField& field : request.digests) {
      if (field.whole && !whole_) run_.trouble = "a digest of the whole is wanted before it is hashed";
      const Digest digest = field.whole ? whole_.value_or(Digest{}) : sha256(as_bytes(body));
      fields.emplace_back(field.name, digest_field_value(field, digest));
    }
    return fields;
  }

  UploadAnswer ask(const UploadRequest& request) {
    std::string body(source_.substr(request.offset, request.length));
    const std::vector<Header> digests = digests_of(request, body);
    if (happens(faults_.unavailable)) return answer_of(503, {{"Retry-After", "2"}});
    if (happens(faults_.request_lost)) return lose_request(request, digests, body);
    if (!body.empty() && happens(faults_.damaged)) {
      body[random_->below(body.size())] ^= 1;
      ++run_.faults;
    }
    UploadAnswer answer = server_.handle(request, digests, body, true);
    if (!answer.error) answer.sent = request.length;
    if (!answer.error && answer.head.status >= 400 && request.length > 0) ++run_.faults;
    if (happens(faults_.answer_lost)) return lost_after(request, no_answer());
    if (happens(faults_.failed_after)) return lost_after(request, answer_of(500));
    return answer;
  }

  UploadAnswer lost_after(const UploadRequest& request, UploadAnswer answer) {
    ++run_.faults;
    answer.sent = request.length;
    return answer;
  }

  UploadAnswer lose_request(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body) {
    ++run_.faults;
    UploadAnswer answer = no_answer(body.empty() ? ErrorCode::connect_failed : ErrorCode::connection_lost);
    if (body.empty()) return answer;
    answer.sent = random_->below(request.length);
    const std::uint64_t arrived = random_->below(answer.sent + 1);
    if (arrived > 0) static_cast<void>(server_.handle(request, digests, body.substr(0, arrived), false));
    return answer;
  }

  const UploadPlan& plan_;
  std::string_view source_;
  ModelServer& server_;
  Faults faults_;
  std::unique_ptr<Random> random_;
  WallTime now_{std::chrono::hours(500'000)};
  Sha256 hasher_;
  std::uint64_t hashed_ = 0;
  std::optional<Digest> whole_;
  unsigned budget_ = 0;
  UploadRun run_;
};

}  // namespace

UploadRun run_upload(const UploadPlan& plan, UploadProgress progress, std::string_view source, ModelServer& server,
                     const Faults& faults, std::uint64_t seed) {
  return Driver(plan, source, server, faults, seed).run(std::move(progress));
}

std::string random_bytes(std::size_t size, Random& random) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t next = random.next();
    std::memcpy(bytes.data() + at, &next, std::min(sizeof(next), size - at));
  }
  return bytes;
}

UploadPlan plan_for(UploadDialect dialect, std::uint64_t size) {
  UploadPlan plan;
  plan.dialect = dialect;
  plan.target = *parse_url("http://127.0.0.1:8080/in/box/");
  plan.key = "8d1e2c";
  plan.name = "report.bin";
  plan.size = size;
  plan.retry = {std::chrono::seconds(1), std::chrono::seconds(60), 0.25};
  return plan;
}

}  // namespace larder::origin::test

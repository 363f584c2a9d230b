#include "origin/upload/tus_requests.h"

#include <fmt/format.h>

#include <utility>

#include "origin/upload/tus.h"

namespace larder::origin {
namespace {

UploadRequest tus_request(const UploadTurn& turn, std::string method) {
  UploadRequest request = request_to(turn.plan, std::move(method), upload_url(turn.plan, turn.progress));
  request.headers.emplace_back("Tus-Resumable", "1.0.0");
  return request;
}

void add_whole_digest(const UploadPlan& plan, UploadRequest& request) {
  DigestField field{"Larder-Upload-Digest", PartAlgorithm::sha256, DigestField::Form::digest, true};
  if (plan.sha256) {
    request.headers.emplace_back(field.name, digest_field_value(field, *plan.sha256));
  } else {
    request.digests.push_back(std::move(field));
  }
}

std::string metadata_of(const UploadPlan& plan) {
  std::string text;
  if (!plan.name.empty()) text = fmt::format("filename {},", to_base64(as_bytes(plan.name)));
  return text + fmt::format("larder-key {}", to_base64(as_bytes(plan.key)));
}

}  // namespace

UploadRequest tus_creation(const UploadTurn& turn) {
  UploadProgress& progress = turn.progress;
  progress.phase = UploadPhase::create;
  ++progress.creations;
  UploadRequest request = tus_request(turn, "POST");
  request.headers.emplace_back("Upload-Length", fmt::format("{}", turn.plan.size));
  request.headers.emplace_back("Upload-Metadata", metadata_of(turn.plan));
  request.headers.emplace_back("Idempotency-Key", fmt::format("\"{}\"", turn.plan.key));
  if (turn.plan.sha256) {
    const DigestField field{"Repr-Digest", PartAlgorithm::sha256, DigestField::Form::digest, true};
    request.headers.emplace_back(field.name, digest_field_value(field, *turn.plan.sha256));
  }
  begin_part(progress, turn.plan, 0, request);  // of an empty file this is all of it
  if (turn.plan.size == 0) add_whole_digest(turn.plan, request);
  return request;
}

// All is hashed first where the answer may say that the upload is complete, so that its digest can be compared.
UploadRequest tus_look(const UploadTurn& turn, bool hash_all) {
  UploadProgress& progress = turn.progress;
  progress.phase = UploadPhase::look;
  UploadRequest request = tus_request(turn, "HEAD");
  hash_up_to(progress, request, hash_all || progress.last_byte_sent ? turn.plan.size : progress.hashed);
  return request;
}

UploadRequest tus_part(const UploadTurn& turn) {
  const UploadPlan& plan = turn.plan;
  UploadProgress& progress = turn.progress;
  progress.phase = UploadPhase::append;
  UploadRequest request = tus_request(turn, "PATCH");
  request.headers.emplace_back("Upload-Offset", fmt::format("{}", progress.offset));
  request.headers.emplace_back("Content-Type", "application/offset+octet-stream");
  begin_part(progress, plan, next_part(kTusParts, plan, progress), request);
  if (plan.tus.checksum)
    request.digests.push_back({"Upload-Checksum", *plan.tus.checksum, DigestField::Form::upload_checksum, false});
  request.digests.push_back({"Content-Digest", PartAlgorithm::sha256, DigestField::Form::digest, false});
  if (progress.offset + progress.part_length == plan.size) add_whole_digest(plan, request);
  return request;
}

UploadRequest tus_deletion(const UploadTurn& turn) {
  turn.progress.phase = UploadPhase::cancel;
  return tus_request(turn, "DELETE");
}

}  // namespace larder::origin

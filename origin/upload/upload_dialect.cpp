#include "origin/upload/upload_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text/text.h"

namespace larder::origin {
namespace {

constexpr std::size_t kMaxKey = 128;
constexpr std::size_t kMaxName = 1024;

constexpr std::array<std::string_view, kUploadPhaseCount> kPhaseNames = {"create", "look",  "append", "ping",
                                                                         "reply",  "close", "settle", "cancel"};

// A key is sent as a structured field string (RFC 8941), in which these two would have to be escaped.
bool is_key_char(char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

Status check_dialect(const UploadPlan& plan) {
  constexpr std::string_view kDoing = "upload the file";
  if (plan.dialect == UploadDialect::bits && plan.size == 0) {
    return fail(ErrorCode::invalid_argument, std::string(kDoing),
                "it is empty, and BITS sends nothing but ranges of bytes; upload it with another protocol");
  }
  if (plan.wants_reply && plan.dialect != UploadDialect::bits) {
    return fail(ErrorCode::invalid_argument, std::string(kDoing),
                "only BITS brings a reply back; ask for that protocol, or for no reply");
  }
  if (plan.dialect == UploadDialect::put && plan.size > kMaxUnaskedPut && !plan.large_put) {
    return fail(
        ErrorCode::too_large, std::string(kDoing),
        fmt::format("the server offers nothing but PUT, which begins again at zero whenever the line breaks, and "
                    "the file has {} bytes; allow it with --protocol put",
                    plan.size));
  }
  if (plan.dialect == UploadDialect::tus && plan.tus.max_size && plan.size > *plan.tus.max_size) {
    return fail(ErrorCode::too_large, std::string(kDoing),
                fmt::format("it has {} bytes, and the server takes {} at most", plan.size, *plan.tus.max_size));
  }
  return {};
}

}  // namespace

std::string_view phase_name(UploadPhase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

std::string_view upload_dialect_name(UploadDialect dialect) {
  switch (dialect) {
    case UploadDialect::bits:
      return "bits";
    case UploadDialect::put:
      return "put";
    case UploadDialect::tus:
      break;
  }
  return "tus";
}

std::optional<UploadDialect> upload_dialect_from_name(std::string_view name) {
  for (const UploadDialect dialect : {UploadDialect::tus, UploadDialect::bits, UploadDialect::put}) {
    if (name == upload_dialect_name(dialect)) return dialect;
  }
  return std::nullopt;
}

std::string digest_field_value(const DigestField& field, Bytes digest) {
  const bool sha1 = field.algorithm == PartAlgorithm::sha1;
  if (field.form == DigestField::Form::upload_checksum)
    return fmt::format("{} {}", sha1 ? "sha1" : "sha256", to_base64(digest));
  return fmt::format("{}=:{}:", sha1 ? "sha" : "sha-256", to_base64(digest));
}

Status check_plan(const UploadPlan& plan) {
  if (plan.key.empty() || plan.key.size() > kMaxKey || !std::ranges::all_of(plan.key, is_key_char)) {
    return fail(ErrorCode::invalid_argument, "use the transaction id",
                fmt::format("it must be 1 to {} visible ASCII characters without quotes and backslashes", kMaxKey));
  }
  if (plan.name.size() > kMaxName || has_control(plan.name) || !is_utf8(plan.name)) {
    return fail(ErrorCode::invalid_argument, "send the name of the file",
                fmt::format("it must be UTF-8 without control characters, at most {} bytes; give another", kMaxName));
  }
  if (Status ok = check_url(plan.policy ? *plan.policy : UrlPolicy{}, plan.target); !ok) return ok;
  return check_dialect(plan);
}

}  // namespace larder::origin

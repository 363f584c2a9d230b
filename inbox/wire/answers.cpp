#include "inbox/wire/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace larder::inbox {
namespace {

Refused refused(Problem problem, std::string detail, const UploadStatus& status) {
  return Refused{problem, std::move(detail), status, std::nullopt};
}

}  // namespace

bool is_success(const UploadStatus& status) {
  return was_accepted(status.state) && status.state != UploadState::rejected && status.answer.has_value();
}

std::optional<std::uint64_t> shown_offset(const UploadStatus& status) {
  if (status.size && status.offset >= *status.size && !is_success(status)) return std::nullopt;
  return status.offset;
}

std::optional<Refused> refusal_of(const UploadStatus& status) {
  switch (status.state) {
    case UploadState::rejected:
      return refused(Problem::rejected,
                     fmt::format("cannot hand over the upload: it was rejected{}",
                                 status.answer && !status.answer->text.empty() ? ": " + status.answer->text : ""),
                     status);
    case UploadState::failed:
      return refused(
          Problem::content_digest,
          "cannot take the upload: its bytes are not those that were declared; send the file again as a new one",
          status);
    case UploadState::cancelled:
      return refused(Problem::gone, "cannot find the upload: it was cancelled", status);
    case UploadState::expired:
      return refused(Problem::gone, "cannot find the upload: it went without progress for too long", status);
    case UploadState::receiving:
    case UploadState::sealed:
    case UploadState::accepted:
    case UploadState::delivering:
    case UploadState::delivered:
      break;
  }
  if (status.state == UploadState::receiving && shown_offset(status)) return std::nullopt;
  if (is_success(status)) return std::nullopt;
  return refused(Problem::pending, "cannot tell the outcome yet: all bytes are here, ask again", status);
}

int rejection_status(const std::optional<UploadStatus>& upload) {
  // A client asks again after these.
  constexpr std::array kAgain = {408, 409, 423, 425, 429};
  constexpr int kOtherwise = 422;
  if (!upload || !upload->answer) return kOtherwise;
  const int status = upload->answer->status;
  const bool final = status >= 400 && status < 500 && std::find(kAgain.begin(), kAgain.end(), status) == kAgain.end();
  return final ? status : kOtherwise;
}

std::string reply_url(const UploadStatus& status, std::string_view base_url) {
  return status.reply_at.empty() ? fmt::format("{}/reply/{}", base_url, status.id) : status.reply_at;
}

void add_retry_after(http::Response& response, const Refused& refused, const WireSettings& settings) {
  const auto wait = std::max(refused.retry_after.value_or(settings.retry_after), std::chrono::seconds(1));
  response.fields.push_back({"Retry-After", std::to_string(wait.count())});
}

}  // namespace larder::inbox

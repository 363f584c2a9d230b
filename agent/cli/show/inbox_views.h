// Uploads of larder-inbox as its API tells them (docs/inbox-api.yaml), and as text. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct UploadView {
  std::string id, inbox, state, name, principal, key, dialect;
  std::optional<std::uint64_t> size;
  std::uint64_t offset = 0;
  std::string sha256;                                                                 // empty: not known
  std::string created_at, accepted_at, settled_at, expires_at, next_at, lease_until;  // empty: it did not happen
  unsigned attempt = 0;
  std::string holder, url, result;
  bool has_content = true;
};

struct UploadsView {
  std::vector<UploadView> uploads;
  std::string next;  // empty: this is the last page
};

// agent_answer_invalid: it is no such JSON.
[[nodiscard]] Result<UploadView> parse_upload(std::string_view json_text);
[[nodiscard]] Result<UploadsView> parse_uploads(std::string_view json_text);
// The answer to a take with "file", where its content was written.
[[nodiscard]] Result<std::string> taken_report(std::string_view json_text, const std::string& file);
[[nodiscard]] std::string reject_body(const std::string& reason);
[[nodiscard]] std::string ack_body(const std::string& result);  // empty: none

// Text for people; words of others go through `printable`.
[[nodiscard]] std::string uploads_table(const UploadsView& view);
[[nodiscard]] std::string upload_page(const UploadView& view);
[[nodiscard]] std::string upload_line(const UploadView& view);

}  // namespace larder::agent

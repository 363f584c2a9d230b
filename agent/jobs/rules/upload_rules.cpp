#include "agent/jobs/rules/upload_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/text.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxTransaction = 120;  // with ".999" behind it a key of 128 at most
constexpr std::size_t kMaxUploadName = 1024;

bool is_key_char(char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace

Status check_upload_event(const Job& job, JobEvent event) {
  const std::string doing(job_event_name(event));
  if (event == JobEvent::add_files)
    return fail(ErrorCode::invalid_state, doing, "it uploads; make another job for other files");
  if (event == JobEvent::verdict)
    return fail(ErrorCode::invalid_state, doing, "it uploads; the server judges the file");
  if (event == JobEvent::retarget) {
    return fail(ErrorCode::invalid_state, doing,
                "it uploads, and a part may be at its URL already; cancel it and make another");
  }
  if (event != JobEvent::complete || job.state == JobState::transferred || is_final(job.state)) return {};
  return fail(
      ErrorCode::invalid_state, doing,
      fmt::format("it is {}, and the server has not taken all of it; wait until it is transferred, or cancel it",
                  job_state_name(job.state)));
}

Status check_upload_options(const UploadOptions& options) {
  constexpr std::string_view kDoing = "make the upload";
  const std::string& id = options.transaction;
  if (id.size() > kMaxTransaction || !std::all_of(id.begin(), id.end(), is_key_char)) {
    return fail(ErrorCode::invalid_argument, std::string(kDoing),
                fmt::format("a transaction id has at most {} visible ASCII characters, without quotes and backslashes",
                            kMaxTransaction));
  }
  if (options.reply && options.protocol != origin::ProtocolWish::bits) {
    return fail(ErrorCode::invalid_argument, std::string(kDoing),
                "only BITS brings a reply of the application; ask for the protocol bits");
  }
  return {};
}

Status check_upload_name(const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name == "." || name == "..";
  if (name.size() <= kMaxUploadName && !has_control(name) && is_utf8(name) && !is_path) return {};
  return fail(
      ErrorCode::invalid_argument, "make the upload",
      fmt::format("the name of a file must be UTF-8 without control characters and slashes, neither . nor .., and at "
                  "most {} bytes; give another",
                  kMaxUploadName));
}

std::string upload_key(const UploadOptions& options, const std::string& file_id, unsigned index, std::size_t count) {
  if (options.transaction.empty()) return file_id;
  return count == 1 ? options.transaction : fmt::format("{}.{}", options.transaction, index);
}

bool is_key_in_url(const std::string& key, const std::string& path) {
  return path.find("/" + key + "/") != std::string::npos;
}

Repeat compare_upload(const Job& job, const File& file, const UploadOptions& options, const FileSpec& spec,
                      const std::string& name, const origin::SourceIdentity& source) {
  if (!job.options.upload || !file.upload || file.spec.url != spec.url) return Repeat::other;
  const UploadOptions& before = *job.options.upload;
  if (options.transaction != before.transaction) return Repeat::other;
  const bool same_source = file.upload->source == source && file.upload->name == name;
  const bool same_wish = options.protocol == before.protocol && options.reply == before.reply &&
                         options.overwrite == before.overwrite && spec.sha256 == file.spec.sha256;
  if (same_source && same_wish) return Repeat::same;
  return options.transaction.empty() ? Repeat::other : Repeat::conflict;
}

}  // namespace larder::agent

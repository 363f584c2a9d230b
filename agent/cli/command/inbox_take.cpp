#include "agent/cli/command/inbox_take.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "agent/cli/command/commands.h"
#include "agent/cli/place/destination.h"
#include "agent/cli/place/hand_over.h"
#include "agent/cli/place/place.h"
#include "agent/cli/place/write_error.h"
#include "agent/cli/show/inbox_views.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/hash/digest.h"
#include "base/io/standard_streams.h"

namespace larder::agent {
namespace {

constexpr std::string_view kAnyId = "id";  // stands for the id, before it is known

// The connection's own errors name the agent; here it is another server.
Error of_inbox(Error error) {
  if (error.code == ErrorCode::agent_unreachable && error.doing == "talk to the agent")
    error.doing = "talk to larder-inbox";
  if (error.code == ErrorCode::agent_answer_invalid) error.doing = "read the answer of larder-inbox";
  return error;
}

// Where -o leads for an upload of this id, absolute or kStandardOutput.
Result<std::string> destination_of(const std::string& output, std::string_view id) {
  if (output == kStandardOutput) return output;
  std::error_code failed;
  const std::filesystem::path here = std::filesystem::current_path(failed);
  if (failed) return fail(ErrorCode::disk_error, "write here", failed.message());
  const std::filesystem::path given = here / output;
  const bool directory = output.empty() || output.ends_with('/') || std::filesystem::is_directory(given, failed);
  return (directory ? given / id : given).lexically_normal().string();
}

// Before anything is claimed: an attempt must not be lost to a typing error.
Status check_place(const TakeOptions& options) {
  const auto destination = destination_of(options.output, kAnyId);
  if (!destination) return tl::unexpected(destination.error());
  const auto place = PlaceFinder().find_place(*destination);
  if (!place) return tl::unexpected(place.error());
  if (options.json && place->kind == PlaceKind::standard_output)
    return fail(ErrorCode::invalid_argument, "write to standard output",
                "--json is written there; name a file with -o");
  return place->kind == PlaceKind::file ? try_to_create(*place, *destination) : Status{};
}

// Where the bytes go: a hidden file that is published at the end, or something that is written to.
class Sink {
 public:
  static Result<Sink> open(const std::string& destination, const std::string& id) {
    auto place = PlaceFinder().find_place(destination);
    if (!place) return tl::unexpected(place.error());
    Sink sink(destination == kStandardOutput ? "to standard output" : destination);
    sink.is_standard_output_ = place->kind == PlaceKind::standard_output;
    if (place->kind == PlaceKind::file) {
      auto staged = StagedFile::create(std::move(*place), destination, id.substr(0, 8));
      if (!staged) return tl::unexpected(staged.error());
      sink.staged_.push_back(std::move(*staged));
      sink.fd_ = sink.staged_.back().descriptor();
    } else if (place->descriptor >= 0) {
      sink.fd_ = place->descriptor;
    } else {
      bool nobody_reads = false;
      auto opened = open_place(*place, destination, nobody_reads);
      if (!opened) return tl::unexpected(opened.error());
      sink.opened_ = std::move(*opened);
      sink.fd_ = sink.opened_.get();
    }
    return sink;
  }

  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EPIPE) reader_gone_ = true;
      if (written < 0) return tl::unexpected(error_of_write(errno, "write " + name_));
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Status publish() { return staged_.empty() ? Status{} : larder::agent::publish(staged_); }
  [[nodiscard]] bool is_standard_output() const { return is_standard_output_; }
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }

 private:
  explicit Sink(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::vector<StagedFile> staged_;  // one, or none
  UniqueFd opened_;
  int fd_ = -1;
  bool is_standard_output_ = false, reader_gone_ = false;
};

Status check_whole(const UploadView& upload, std::uint64_t bytes, const Digest& digest) {
  const std::string doing = "take upload " + upload.id;
  if (upload.size && *upload.size != bytes)
    return fail(ErrorCode::content_damaged, doing, fmt::format("{} bytes came, and it has {}", bytes, *upload.size));
  if (!upload.sha256.empty() && upload.sha256 != to_hex(digest))
    return fail(ErrorCode::content_damaged, doing, "its bytes do not have its SHA-256");
  return {};
}

Status copy_content(Client& client, const UploadView& upload, Sink& sink) {
  auto stream = client.stream("/v1/uploads/" + escape_query(upload.id) + "/content");
  if (!stream) return tl::unexpected(of_inbox(stream.error()));
  Sha256 hash;
  std::uint64_t bytes = 0;
  Status written;
  for (bool more = true; more && written;) {
    const auto got = (*stream)->read([&](std::string_view piece) {
      if (written) written = sink.write(piece);
      hash.update(as_bytes(piece));
      bytes += piece.size();
    });
    if (!got) return tl::unexpected(of_inbox(got.error()));
    more = *got;
  }
  if (!written) return written;
  return check_whole(upload, bytes, hash.finish());
}

// Reports an upload that was claimed and could not be written: its lease runs on. Returns the exit status.
int failed(const UploadView& upload, const Error& error) {
  const int status = report(error);
  say(fmt::format("larder: upload {} is taken (attempt {}) and not written; it is offered again after {}\n",
                  printable(upload.id), upload.attempt, printable(upload.lease_until)));
  return status;
}

int write_taken(Client& client, const TakeOptions& options, const std::string& answer, const UploadView& upload) {
  const auto destination = destination_of(options.output, upload.id);
  if (!destination) return failed(upload, destination.error());
  auto sink = Sink::open(*destination, upload.id);
  if (!sink) return failed(upload, sink.error());
  if (auto copied = copy_content(client, upload, *sink); !copied) {
    const int status = failed(upload, copied.error());
    return sink->reader_gone() && sink->is_standard_output() ? kReaderGone : status;
  }
  if (auto published = sink->publish(); !published) return failed(upload, published.error());
  if (sink->is_standard_output()) {
    say(fmt::format("larder: took {} (attempt {})\n", printable(upload.id), upload.attempt));
    return 0;
  }
  if (!options.json) return print(upload.id);
  const auto told = taken_report(answer, *destination);
  return told ? print(*told) : failed(upload, told.error());
}

}  // namespace

Result<Answer> ask_inbox(Client& client, std::string_view method, const std::string& target, const std::string& body) {
  client.disconnect();  // on a kept connection the client may send a request twice
  auto answer = client.exchange(method, target, body);
  if (!answer) return tl::unexpected(of_inbox(answer.error()));
  if (answer->status >= 400) return tl::unexpected(of_inbox(error_from_answer(answer->status, answer->body)));
  return answer;
}

int take_upload(Client& client, const TakeOptions& options) {
  if (auto place = check_place(options); !place) return report(place.error());
  const auto answer = ask_inbox(
      client, "POST", fmt::format("/v1/inboxes/{}/take?lease={}", escape_query(options.inbox), options.lease.count()));
  if (!answer) return report(answer.error());
  if (answer->status == 204) {
    say(fmt::format("larder: nothing waits in inbox {}\n", printable(options.inbox)));
    return kNothingWaits;
  }
  const auto upload = parse_upload(answer->body);
  if (!upload) return report(upload.error());
  return write_taken(client, options, answer->body, *upload);
}

}  // namespace larder::agent

#include "inbox/deliver/program_hand_over.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/hash/digest.h"
#include "base/io/unique_fd.h"

namespace larder::inbox {
namespace {

std::string first_line(const std::string& output) {
  return output.substr(0, output.find('\n'));
}

}  // namespace

std::vector<std::string> program_environment(const UploadRow& row) {
  const unsigned attempt = row.delivery ? row.delivery->attempt : 0;
  return {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LANG=C.UTF-8",
      "LARDER_CONTENT_FD=3",
      "LARDER_UPLOAD_ID=" + row.id,
      fmt::format("LARDER_ATTEMPT={}", attempt),
      "LARDER_INBOX=" + row.inbox,
      "LARDER_PRINCIPAL=" + row.principal,
      "LARDER_NAME=" + row.name,
      fmt::format("LARDER_SIZE={}", row.size.value_or(0)),
      "LARDER_SHA256=" + (row.computed ? to_hex(*row.computed) : std::string()),
  };
}

AttemptEnd end_of_program(const Result<HookOutcome>& outcome, Duration timeout) {
  using Kind = AttemptEnd::Kind;
  if (!outcome) return {Kind::again, outcome.error().text()};
  const std::string said = first_line(outcome->output);
  switch (outcome->how) {
    case HookOutcome::How::timed_out:
      return {Kind::again, fmt::format("the program was ended after {} s", std::chrono::ceil<std::chrono::seconds>(timeout).count())};
    case HookOutcome::How::signalled:
      return {Kind::again, fmt::format("the program ended by signal {}", outcome->status)};
    case HookOutcome::How::exited:
      break;
  }
  if (outcome->status == 0) return {Kind::took, said};
  if (outcome->status == 1) return {Kind::refused, said.empty() ? "the program refused it" : said};
  return {Kind::again, fmt::format("the program ended with status {}: {}", outcome->status, said)};
}

ProgramHandOver::ProgramHandOver(DeliveryProgram program, ContentPath content_path, Runtime runtime,
                                 HookRunner& runner)
    : program_(std::move(program)), content_path_(std::move(content_path)), runtime_(runtime), runner_(runner) {}

void ProgramHandOver::answer_later(Done done, AttemptEnd what) {
  runtime_.executor.post(
      alive_.guard([done = std::move(done), what = std::move(what)]() mutable { done(std::move(what)); }));
}

// A program that another process began may have had its effect and cannot be asked. It is run again as another attempt,
// by which the application knows the id.
void ProgramHandOver::begin(const UploadRow& row, bool resumed, Done done) {
  if (resumed) {
    return answer_later(std::move(done), {AttemptEnd::Kind::again, "this service ended while the program ran"});
  }
  const std::string path = content_path_(row.id);
  // A file of the store, on a local disk: opening it does not wait.
  auto content = std::make_shared<UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!*content)
    return answer_later(std::move(done), {AttemptEnd::Kind::again,
                                          fmt::format("cannot open {}: {}", path, std::strerror(errno))});
  HookRunner::Request request;
  request.process.name = program_.name;
  request.process.command = program_.command;
  request.process.environment = program_environment(row);
  request.process.timeout = program_.timeout;
  request.content = content->get();
  request.keep = content;
  runner_.run_hook(std::move(request),
                   alive_.guard([done = std::move(done), timeout = program_.timeout](Result<HookOutcome> outcome) mutable {
                     done(end_of_program(outcome, timeout));
                   }));
}

}  // namespace larder::inbox

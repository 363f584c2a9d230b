#include "inbox/deliver/program_hand_over.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/hash/digest.h"
#include "base/io/unique_fd.h"
#include "inbox/deliver/reply_file.h"

namespace larder::inbox {
namespace {

constexpr Duration kDiskBusyPause = std::chrono::milliseconds(100);

std::string first_line(const std::string& output) {
  return output.substr(0, output.find('\n'));
}

}  // namespace

std::vector<std::string> program_environment(const ProgramFacts& facts) {
  std::vector<std::string> all = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LANG=C.UTF-8",
      "LARDER_CONTENT_FD=3",
      "LARDER_UPLOAD_ID=" + facts.id,
      fmt::format("LARDER_ATTEMPT={}", facts.attempt),
      "LARDER_INBOX=" + facts.inbox,
      "LARDER_PRINCIPAL=" + facts.principal,
      "LARDER_NAME=" + facts.name,
      fmt::format("LARDER_SIZE={}", facts.size),
      "LARDER_SHA256=" + (facts.sha256 ? to_hex(*facts.sha256) : std::string()),
  };
  if (!facts.reply_file.empty()) all.push_back("LARDER_REPLY_FILE=" + facts.reply_file);
  return all;
}

AttemptEnd end_of_program(const Result<HookOutcome>& outcome, Duration timeout) {
  using Kind = AttemptEnd::Kind;
  if (!outcome) return {Kind::again, outcome.error().text()};
  const std::string said = first_line(outcome->output);
  switch (outcome->how) {
    case HookOutcome::How::timed_out:
      return {Kind::again, fmt::format("the program was ended after {} s",
                                       std::chrono::ceil<std::chrono::seconds>(timeout).count())};
    case HookOutcome::How::signalled:
      return {Kind::again, fmt::format("the program ended by signal {}", outcome->status)};
    case HookOutcome::How::exited:
      break;
  }
  if (outcome->status == 0) return {Kind::took, said};
  if (outcome->status == 1) return {Kind::refused, said.empty() ? "the program refused it" : said};
  return {Kind::again, fmt::format("the program ended with status {}: {}", outcome->status, said)};
}

void run_program(const DeliveryProgram& program, const ProgramFacts& facts, const std::string& path, HookRunner& runner,
                 Executor& loop, UniqueFunction<void(AttemptEnd)> done) {
  // A file of the store, on a local disk: opening it does not wait.
  auto content = std::make_shared<UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!*content) {
    AttemptEnd end{AttemptEnd::Kind::again, fmt::format("cannot open {}: {}", path, std::strerror(errno))};
    return loop.post([done = std::move(done), end = std::move(end)]() mutable { done(std::move(end)); });
  }
  HookRunner::Request request;
  request.process.name = program.name;
  request.process.command = program.command;
  request.process.environment = program_environment(facts);
  request.process.timeout = program.timeout;
  request.content = content->get();
  request.keep = content;
  runner.run_hook(std::move(request),
                  [done = std::move(done), timeout = program.timeout](Result<HookOutcome> outcome) mutable {
                    done(end_of_program(outcome, timeout));
                  });
}

ProgramHandOver::ProgramHandOver(DeliveryProgram program, ContentPath content_path, Runtime runtime, HookRunner& runner,
                                 ContentPath reply_path, WorkerPool* pool)
    : program_(std::move(program)),
      content_path_(std::move(content_path)),
      runtime_(runtime),
      runner_(runner),
      reply_path_(std::move(reply_path)),
      pool_(pool) {}

// A program that another process began may have had its effect and cannot be asked. It is run again as another attempt,
// by which the application knows the id.
void ProgramHandOver::begin(const UploadRow& row, bool resumed, Done done) {
  auto guarded = alive_.guard([done = std::move(done)](AttemptEnd what) mutable { done(std::move(what)); });
  if (resumed) {
    return runtime_.executor.post([guarded = std::move(guarded)]() mutable {
      guarded(AttemptEnd{AttemptEnd::Kind::again, "this service ended while the program ran"});
    });
  }
  ProgramFacts facts{row.id,
                     row.inbox,
                     row.principal,
                     row.name,
                     row.size.value_or(0),
                     row.computed,
                     row.delivery ? row.delivery->attempt : 0};
  if (program_.max_reply > 0 && reply_path_ && pool_ != nullptr) {
    facts.reply_file = reply_path_(row.id);
    ::unlink(facts.reply_file.c_str());  // of an attempt that was broken off
  }
  run_program(program_, facts, content_path_(row.id), runner_, runtime_.executor,
              alive_.guard([this, path = facts.reply_file, guarded = std::move(guarded)](AttemptEnd what) mutable {
                if (path.empty() || what.kind != AttemptEnd::Kind::took) return guarded(std::move(what));
                read_reply(path, std::move(what), std::move(guarded));
              }));
}

void ProgramHandOver::read_reply(const std::string& path, AttemptEnd what, Done done) {
  // Shared, for a task that the pool does not take is gone.
  const auto shared = std::make_shared<std::pair<AttemptEnd, Done>>(std::move(what), std::move(done));
  const bool taken = pool_->submit([path, most = program_.max_reply, &loop = runtime_.executor, shared]() mutable {
    add_reply(shared->first, take_reply_file(path, most));
    ::unlink(path.c_str());
    loop.post([shared] { shared->second(std::move(shared->first)); });
  });
  if (taken) return;
  // It has the file; only its reply is read later.
  runtime_.timers.after(kDiskBusyPause, alive_.guard([this, path, shared] {
    read_reply(path, std::move(shared->first), std::move(shared->second));
  }));
}

}  // namespace larder::inbox

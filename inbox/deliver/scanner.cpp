#include "inbox/deliver/scanner.h"

#include <utility>

namespace larder::inbox {
namespace {

Verdict verdict_of(AttemptEnd end) {
  switch (end.kind) {
    case AttemptEnd::Kind::took:
      return {Verdict::Kind::good, std::move(end.result)};
    case AttemptEnd::Kind::refused:
      return {Verdict::Kind::refused, std::move(end.result)};
    case AttemptEnd::Kind::again:
      break;
  }
  return {Verdict::Kind::unavailable, std::move(end.result)};
}

}  // namespace

void Scanners::answer_later(UniqueFunction<void(Verdict)> done, Verdict verdict) {
  runtime_.executor.post(
      alive_.guard([done = std::move(done), verdict = std::move(verdict)]() mutable { done(std::move(verdict)); }));
}

void Scanners::judge(UploadStatus upload, std::string principal, std::string path, UniqueFunction<void(Verdict)> done) {
  const auto scanner = scanners_.find(upload.inbox);
  if (scanner == scanners_.end()) return answer_later(std::move(done), Verdict{});
  const ProgramFacts facts{
      upload.id, upload.inbox, std::move(principal), upload.name, upload.size.value_or(0), upload.sha256, 0};
  run_program(scanner->second, facts, path, runner_, runtime_.executor,
              alive_.guard([done = std::move(done)](AttemptEnd end) mutable { done(verdict_of(std::move(end))); }));
}

}  // namespace larder::inbox

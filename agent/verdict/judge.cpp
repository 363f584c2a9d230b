// Asks the parts of a verdict in turn, the cheapest first; all must say valid.
#include <algorithm>
#include <utility>

#include "agent/verdict/minisign.h"
#include "agent/verdict/signature_check.h"
#include "agent/verdict/verdict.h"
#include "agent/verdict/verdict_rules.h"
#include "base/io/log.h"
#include "base/process/hook_runner.h"
#include "base/runtime/alive.h"

namespace larder::agent {
namespace {

// What a verdict of "not valid" prevents, for error texts: the parts do not know the file.
std::string accepting(const Facts& facts) {
  return "accept the content of " + log::redact_url(facts.url);
}

class JudgeImpl final : public Judge {
 public:
  JudgeImpl(Runtime runtime, WorkerPool& disk)
      : runtime_(runtime), signatures_(runtime, disk), hooks_(runtime.executor) {}

  void judge(VerdictPolicy policy, Facts facts, std::shared_ptr<cache::ContentLease> content,
             UniqueFunction<void(Result<Judgement>)> done) override {
    auto question = std::make_shared<Question>();
    question->policy = std::move(policy);
    question->facts = std::move(facts);
    question->content = std::move(content);
    question->done = std::move(done);
    // Posted, so that `done` is never called from within the call.
    runtime_.executor.post(alive_.guard([this, question] { ask_digest(question); }));
  }

  void set_hooks(std::vector<Hook> hooks) override { configured_ = std::move(hooks); }

  [[nodiscard]] bool has_hook(const std::string& name) const override { return find_hook(name) != nullptr; }

 private:
  struct Question {
    VerdictPolicy policy;
    Facts facts;
    std::shared_ptr<cache::ContentLease> content;
    UniqueFunction<void(Result<Judgement>)> done;
  };
  using QuestionPtr = std::shared_ptr<Question>;

  [[nodiscard]] const Hook* find_hook(const std::string& name) const {
    const auto found =
        std::find_if(configured_.begin(), configured_.end(), [&name](const Hook& hook) { return hook.name == name; });
    return found == configured_.end() ? nullptr : &*found;
  }

  void ask_digest(const QuestionPtr& question) {
    Result<std::optional<Judgement>> judgement = judge_digest(question->facts);
    if (!judgement) return question->done(tl::unexpected<Error>(judgement.error()));
    if (*judgement) return question->done(std::move(**judgement));
    ask_signature(question);
  }

  void ask_signature(const QuestionPtr& question) {
    const VerdictPolicy& policy = question->policy;
    if (policy.minisign_public_key.empty()) return ask_hook(question);
    signatures_.check(policy.minisign_public_key, policy.minisign_signature, question->facts.size, question->content,
                      [this, question](const Status& status) {
                        if (status) return ask_hook(question);
                        if (status.error().code == ErrorCode::signature_invalid) {
                          Error reason = status.error();
                          reason.doing = accepting(question->facts);
                          reason.detail = "its minisign signature does not hold: " + reason.detail;
                          return question->done(Judgement{Verdict::not_valid, std::move(reason)});
                        }
                        question->done(tl::unexpected<Error>(status.error()));
                      });
  }

  void ask_hook(const QuestionPtr& question) {
    const std::string& name = question->policy.hook;
    if (name.empty()) return ask_app(question);
    const Hook* hook = find_hook(name);
    if (hook == nullptr || hook->command.empty()) {
      return question->done(fail(ErrorCode::hook_failed, "judge the content with the hook " + name,
                                 "no hook of that name is configured; add it to the configuration and reload"));
    }
    HookRunner::Request request;
    request.process.name = name;
    request.process.command = hook->command;
    request.process.environment = hook_environment(question->facts);
    request.process.timeout = hook->timeout;
    request.content = question->content->descriptor();
    request.keep = question->content;
    request.want = question->facts.want;
    hooks_.run_hook(std::move(request), [this, question, name, timeout = hook->timeout](Result<HookOutcome> outcome) {
      hook_ended(question, name, timeout, outcome);
    });
  }

  void hook_ended(const QuestionPtr& question, const std::string& name, Duration timeout,
                  const Result<HookOutcome>& outcome) {
    if (!outcome) return question->done(tl::unexpected<Error>(outcome.error()));
    log::debug("hook ended name={} file={} status={} output={}", name, question->facts.file_id, outcome->status,
               first_line(outcome->output));
    Result<Judgement> judgement = judge_hook(name, timeout, *outcome);
    if (judgement) {
      judgement->reason.doing = accepting(question->facts);
    } else {
      judgement.error().doing += ", " + log::redact_url(question->facts.url);
    }
    if (!judgement || judgement->verdict != Verdict::valid) return question->done(std::move(judgement));
    ask_app(question);
  }

  static void ask_app(const QuestionPtr& question) {
    Judgement judgement;
    judgement.verdict = question->policy.app ? Verdict::wait_for_app : Verdict::valid;
    question->done(std::move(judgement));
  }

  Runtime runtime_;
  std::vector<Hook> configured_;
  SignatureChecker signatures_;
  HookRunner hooks_;
  Alive alive_;
};

}  // namespace

std::unique_ptr<Judge> make_judge(Runtime runtime, WorkerPool& disk) {
  return std::make_unique<JudgeImpl>(runtime, disk);
}

Status check_minisign(const std::string& public_key, const std::string& signature) {
  std::optional<MinisignKeyId> key_id;
  if (!public_key.empty()) {
    const Result<MinisignKey> key = parse_minisign_key(public_key);
    if (!key) return tl::unexpected<Error>(key.error());
    key_id = key->id;
  }
  if (signature.empty()) return {};
  const Result<MinisignSignature> parsed = parse_minisign_signature(signature);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  if (key_id && *key_id != parsed->key_id) {
    return fail(ErrorCode::invalid_argument, "use the minisign signature",
                "it was made with another key than the given public key");
  }
  return {};
}

}  // namespace larder::agent

// JobEngine: verdicts on finished files, and their consequences.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/jobs/job_engine.h"
#include "base/io/log.h"
#include "cache/cache.h"
#include "origin/rules/retry.h"

namespace larder::agent {
namespace {

std::string source_of(const SourceFigures& figures) {
  const int sources = (figures.origin > 0 ? 1 : 0) + (figures.peers > 0 ? 1 : 0) + (figures.cache > 0 ? 1 : 0);
  if (sources > 1) return "mixed";
  if (figures.peers > 0) return "peers";
  return figures.cache > 0 ? "cache" : "origin";
}

// Returns true if the verdict concerns what anybody gets from the URL: that of the origin's own digest, or of the
// administrator's hook. Every other judge speaks for the caller only; so do these two where the content is not the
// whole of what the origin named to a job without special rights.
bool speaks_for_all(const File& file, const Error& reason) {
  if (!file.version_told || !file.version || !file.spec.ranges.empty()) return false;
  if (reach_of(file.privacy) == origin::Reach::own_job) return false;
  const bool origins = file.origin_sha256 && file.actual_sha256 && *file.origin_sha256 != *file.actual_sha256;
  return origins || reason.code == ErrorCode::validation_failed;
}

// Returns true if only the lack of a validator keeps the content from others: the caller's digest, proven over the
// whole, names it as well. That gives nobody more than the origin gives to anybody.
bool is_named_by_digest(const Job& job, const File& file) {
  using origin::Privacy;
  const bool nameless = file.privacy == Privacy::no_validator || file.privacy == Privacy::weak_etag;
  return nameless && job.options.store && file.spec.ranges.empty() && file.spec.sha256 &&
         file.spec.sha256 == file.actual_sha256;
}

// Logs a failure to record something that start-up or eviction puts right.
auto logged(std::string doing) {
  return [doing = std::move(doing)](const Status& status) {
    if (!status) log::warn("cannot {}: {}", doing, status.error().text());
  };
}

}  // namespace

bool JobEngine::needs_judgement(const LiveJob& live, unsigned file) const {
  const VerdictPolicy& policy = live.job.options.verdict;
  const File& facts = live.job.files[file];
  return facts.spec.sha256 || facts.origin_sha256 || policy.app || !policy.hook.empty() ||
         !policy.minisign_public_key.empty();
}

void JobEngine::judge_file(LiveJob& live, unsigned file) {
  LiveFile& state = live.files[file];
  if (state.judging) return;
  state.judging = true;
  state.awaiting_app = false;
  Judges& judges = live.job.options.verdict.hook.empty() ? judges_ : judges_with_hooks_;
  judges.waiting.add({live.job.id, file, state.attempt, want_of(live)});
  judge_next();
}

void JobEngine::judge_next() {
  judge_next_of(judges_);
  judge_next_of(judges_with_hooks_);
}

void JobEngine::judge_next_of(Judges& judges) {
  const auto wants = [](const Turn& turn) { return std::array{turn.want}; };
  const auto fits = [&judges](const Turn&, Owner owner) { return judges.places.may_take(owner); };
  while (auto next = judges.waiting.take_next(judges.places, wants, fits)) {
    const Turn& turn = next->item;
    if (current(turn.job_id, turn.file, turn.attempt) != nullptr) judge(turn, judges.places.take_places(next->owner));
  }
}

// Returns the place with the answer, or when the answer can no longer come.
void JobEngine::judge(const Turn& turn, FairPlaces::Place held) {
  const auto place =
      std::make_shared<CallbackToken>(runtime_.executor, alive_.guard([this, turn, held = std::move(held)]() mutable {
        held = {};
        judgement_lost(turn);
      }));
  const LiveJob& live = *current(turn.job_id, turn.file, turn.attempt);  // checked by judge_next_of()
  const File& facts = live.job.files[turn.file];
  const bool needs_digest = facts.spec.sha256 || facts.origin_sha256 || !live.job.options.verdict.hook.empty();
  if (!needs_digest || facts.actual_sha256) return judge_with_digest(turn, place);
  cache_.compute_sha256(facts.content, alive_.guard([this, turn, place](Result<Digest> digest) {
    LiveJob* judging = current(turn.job_id, turn.file, turn.attempt);
    if (judging == nullptr) return judgement_over(place);
    if (!digest) {
      on_judged(*judging, turn.file, tl::unexpected<Error>(digest.error()));
      return judgement_over(place);
    }
    judging->job.files[turn.file].actual_sha256 = *digest;
    judge_with_digest(turn, place);
  }));
}

void JobEngine::judge_with_digest(const Turn& turn, const Place& place) {
  LiveJob* live = current(turn.job_id, turn.file, turn.attempt);
  const auto opened = [this, turn, place](Result<std::shared_ptr<cache::ContentLease>> content) {
    LiveJob* judging = current(turn.job_id, turn.file, turn.attempt);
    if (judging != nullptr && content) return judge_opened(*judging, turn.file, std::move(*content), place);
    if (judging != nullptr) on_judged(*judging, turn.file, tl::unexpected<Error>(content.error()));
    judgement_over(place);
  };
  cache_.open(live->job.files[turn.file].content, alive_.guard(opened));
}

void JobEngine::judge_opened(LiveJob& live, unsigned file, std::shared_ptr<cache::ContentLease> content,
                             const Place& place) {
  const File& facts = live.job.files[file];
  VerdictPolicy policy = live.job.options.verdict;
  if (!facts.spec.minisign_signature.empty()) policy.minisign_signature = facts.spec.minisign_signature;
  Facts reported;
  reported.url = facts.spec.url;
  reported.size = facts.size.value_or(0);
  reported.source = source_of(facts.figures);
  reported.job_id = live.job.id;
  reported.want = want_of(live);
  reported.file_id = facts.id;
  reported.sha256 = facts.actual_sha256;
  reported.wanted_sha256 = facts.spec.sha256;
  reported.origin_sha256 = facts.origin_sha256;
  const auto done = [this, id = live.job.id, file, attempt = live.files[file].attempt,
                     place](Result<Judgement> judgement) {
    if (LiveJob* judging = current(id, file, attempt)) on_judged(*judging, file, std::move(judgement));
    judgement_over(place);
  };
  judge_.judge(std::move(policy), std::move(reported), std::move(content), alive_.guard(done));
}

void JobEngine::judgement_over(const Place& place) {
  place->mark_answered();
  judge_next();
}

void JobEngine::judgement_lost(const Turn& turn) {
  if (LiveJob* live = current(turn.job_id, turn.file, turn.attempt))
    on_judged(*live, turn.file, fail(ErrorCode::internal, "judge the content", "the judgement was lost on its way"));
  judge_next();
}

void JobEngine::on_judged(LiveJob& live, unsigned file, Result<Judgement> judgement) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  state.judging = false;
  post_waiting_verdicts(state);
  if (!judgement) {
    const ErrorCode code = judgement.error().code;
    const bool lost = code == ErrorCode::not_found || code == ErrorCode::content_damaged;
    return lost ? content_lost(live, file, judgement.error()) : judge_again_later(live, file, judgement.error());
  }
  state.judge_failures = 0;
  switch (judgement->verdict) {
    case Verdict::valid:
      return accept(live, file, true);
    case Verdict::not_valid:
      return reject(live, file, judgement->reason, speaks_for_all(facts, judgement->reason));
    case Verdict::wait_for_app:
      state.awaiting_app = true;
      facts.error.reset();
      book_.set_file_state(live, file, FileState::validating);
      return;
  }
}

void JobEngine::post_waiting_verdicts(LiveFile& file) {
  for (Task& task : std::exchange(file.when_judged, {})) runtime_.executor.post(std::move(task));
}

// The judge failed, not the content: the file stays validating, and the reason is shown.
void JobEngine::judge_again_later(LiveJob& live, unsigned file, const Error& error) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  facts.error = error;
  const origin::RetryRule rule{std::chrono::seconds(5), kLongestDelay};
  const Duration delay = origin::retry_delay(rule, ++state.judge_failures, error.retry_after, runtime_.random);
  log::warn("file not judged, again in {} id={}: {}", format_duration(delay), facts.id, error.text());
  book_.set_file_state(live, file, FileState::validating);
  state.judge_again_timer =
      runtime_.timers.after(delay, alive_.guard([this, id = live.job.id, file, attempt = state.attempt] {
        LiveJob* waiting = current(id, file, attempt);
        if (waiting == nullptr) return;
        waiting->files[file].judge_again_timer = 0;
        judge_file(*waiting, file);
      }));
}

void JobEngine::accept(LiveJob& live, unsigned file, bool explicitly) {
  File& facts = live.job.files[file];
  live.files[file].awaiting_app = false;
  facts.error.reset();
  if (explicitly) {
    facts.verdict = "valid";
    if (vouches_for_all(live, file)) mark_validated(facts.content);
    if (is_named_by_digest(live.job, facts)) {
      cache_.share_by_digest(facts.content, logged("share content " + facts.content + " by its digest"));
    }
  }
  ++book_.counters().files_transferred;
  book_.touch_counters();
  book_.set_file_state(live, file, FileState::transferred);
  advance_job(live);
}

// Returns true if the request was one that the agent makes for anybody, and the origin named the edition: then a valid
// verdict holds for the URL. Not where the caller's headers may have chosen the content, or a digest found it.
bool JobEngine::vouches_for_all(LiveJob& live, unsigned file) const {
  if (!live.job.files[file].version_told) return false;
  const origin::Target target = target_of(live, file);
  return target.options->headers.empty() && reach_of(privacy_before_answer(target)) != origin::Reach::own_job;
}

// A verdict binds its own job. `for_all`: the judge is not the caller's (speaks_for_all).
void JobEngine::reject(LiveJob& live, unsigned file, const Error& reason, bool for_all) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  state.awaiting_app = false;
  ++state.attempt;
  ++book_.counters().verdicts_not_valid;
  book_.touch_counters();
  log::warn("content not valid file={} source={}: {}", facts.id, source_of(facts.figures), reason.text());
  const bool origin_only = facts.figures.cache == 0 && facts.figures.peers == 0;
  if (!origin_only && !facts.origin_alone) return fetch_from_origin_alone(live, file, reason, for_all);
  if (ask_mirror_after_mismatch(live, file, reason, for_all)) return;
  facts.verdict = "not_valid";
  facts.verdict_reason = reason.detail;
  facts.error = reason;
  ++book_.counters().files_failed;
  if (for_all) {
    set_aside(facts.content, *facts.version, {}, [] {});
  } else {
    // Kept for inspection and given to nobody; contents that other jobs use stay as they are.
    cache_.set_aside_own(facts.content, facts.id, [id = facts.content](const Status& status) {
      if (!status) log::info("content not set aside for one job's verdict id={} reason={}", id, status.error().text());
    });
  }
  book_.set_file_state(live, file, FileState::failed);
  fail_job(live, reason);
}

// `fresh`: content that the origin has in its place, if this agent has it.
void JobEngine::set_aside(const cache::ContentId& content, const cache::Version& version, const cache::ContentId& fresh,
                          Task then) {
  // The index answers in order: the attesters are read before the record goes, and no request made after this job's
  // answer finds it.
  transfers_.judged_bad(version, content, fresh, [] {});
  cache_.set_aside(content, version, alive_.guard([content, then = std::move(then)](const Status& status) mutable {
    const bool gone = !status && status.error().code == ErrorCode::not_found;
    if (!status && !gone) log::error("content judged bad not set aside: {}", status.error().text());
    then();
  }));
}

void JobEngine::fetch_from_origin_alone(LiveJob& live, unsigned file, const Error& reason, bool for_all) {
  File& facts = live.job.files[file];
  facts.origin_alone = true;
  book_.set_file_state(live, file, FileState::waiting);
  leave_rejected(live, file, for_all);
  facts.note = "fetched again from the origin alone: " + reason.detail;
}

// Releases the rejected content, and fetches into a content of its own. Other jobs keep theirs: whether the record is
// what is published shows by the origin's bytes (compare_with_rejected).
void JobEngine::leave_rejected(LiveJob& live, unsigned file, bool for_all) {
  File& facts = live.job.files[file];
  const cache::ContentId content = facts.content;
  const cache::Version version = facts.version.value_or(cache::Version{});
  const std::string holder = facts.id;
  discard_content(live, file);
  facts.rejected = content;
  book_.touch_file(live, file);
  Task released = alive_.guard([this, id = live.job.id, file, attempt = ++live.files[file].attempt, content, holder] {
    if (!content.empty()) release(content, holder);
    LiveJob* waiting = current(id, file, attempt);
    if (waiting == nullptr) return;
    waiting->queue.add(file);
    advance_job(*waiting);
    pump(*waiting);
  });
  if (for_all && !content.empty()) return set_aside(content, version, {}, std::move(released));
  runtime_.executor.post(std::move(released));  // posted, since the caller is changing the file
}

// Sets aside the content rejected before if the origin's bytes differ from it: other bytes under the same version, in a
// content that anybody gets, prove that it is not what is published.
void JobEngine::compare_with_rejected(const File& facts, const cache::ContentInfo& fresh) {
  const bool proves = facts.origin_alone && !facts.rejected.empty() && facts.rejected != fresh.id &&
                      facts.version_told && fresh.shareable && fresh.root;
  if (!proves) return;
  const auto compare = [this, fresh, version = *facts.version](const Result<cache::ContentInfo>& rejected) {
    if (!rejected) return;  // gone since
    const auto& known = rejected->versions;
    const bool same_version = std::find(known.begin(), known.end(), version) != known.end();
    if (rejected->state != cache::ContentState::complete || !same_version || rejected->root == fresh.root) return;
    log::warn("content {} is not what the origin has: set aside", rejected->id);
    // A content that is not offered must not be revealed by evidence either.
    set_aside(rejected->id, version, fresh.offered ? fresh.id : cache::ContentId(), [] {});
  };
  cache_.get(facts.rejected, alive_.guard(compare));
}

void JobEngine::verdict_posted(LiveJob& live, unsigned file, bool valid, const std::string& reason) {
  File& facts = live.job.files[file];
  if (valid) {
    facts.verdict_reason = reason;
    return accept(live, file, true);
  }
  const std::string why = reason.empty() ? "the application says that it is not valid" : reason;
  reject(live, file, Error{ErrorCode::validation_failed, "validate " + log::redact_url(facts.spec.url), why}, false);
}

// The content is gone, judged bad for another job or damaged on the disk: the file is fetched again from any source.
void JobEngine::content_lost(LiveJob& live, unsigned file, const Error& error) {
  File& facts = live.job.files[file];
  log::warn("content lost, fetched again file={}: {}", facts.id, error.text());
  live.files[file].awaiting_app = false;
  ++live.files[file].attempt;
  discard_content(live, file);
  if (++live.files[file].times_lost > kMaxLost) return file_failed_for_good(live, file, error);
  facts.note = "fetched again: " + error.detail;
  book_.set_file_state(live, file, FileState::waiting);
  live.queue.add(file);
  if (live.job.state == JobState::transferred) apply_internal(live, JobEvent::fetch_again);
  advance_job(live);
  pump(live);
}

void JobEngine::mark_validated(const cache::ContentId& content) {
  cache_.mark_validated(content, logged("mark content " + content + " as validated"));
}

void JobEngine::release(const cache::ContentId& content, const std::string& holder) {
  cache_.release(content, holder, logged("let go of content " + content));
}

// A file stopped before its first progress may hold a content already, and an unfinished one may hold a part of another
// edition beside the reported content.
void JobEngine::release_others(const File& file) {
  const auto others = [this, id = file.id, told = file.content](Result<cache::Cache::Known> known) {
    if (!known) return log::warn("cannot look up what {} holds: {}", id, known.error().text());
    for (const cache::ContentInfo& content : known->own_contents) {
      if (content.id != told) release(content.id, id);
    }
  };
  cache_.find_known(file.spec.url, file.id, alive_.guard(others));
}

void JobEngine::finish_job(LiveJob& live, bool keep) {
  for (const TimerId timer : {live.retry_timer, live.maximum_timer, live.progress_timer}) {
    if (timer != 0) runtime_.timers.cancel(timer);
  }
  std::vector<cache::Reference> references;
  for (File& file : live.job.files) {
    LiveFile& state = live.files[file.index];
    if (state.judge_again_timer != 0) runtime_.timers.cancel(std::exchange(state.judge_again_timer, 0));
    const bool finished = file.state == FileState::transferred || state.awaiting_app;
    const bool holds_more = !finished && (state.attempt > 0 || !file.content.empty());
    stop_file(live, file.index);
    if (file.upload) leave_server(live, file.index, !keep);
    const bool implicitly = keep && finished && file.verdict.empty();
    if (implicitly) file.verdict = "valid";
    const bool validated = implicitly && vouches_for_all(live, file.index);
    if (!file.content.empty()) references.push_back({file.content, file.id, validated});
    if (holds_more) release_others(file);
  }
  book_.retire(live);
  if (references.empty()) return;
  // After the end of the job is durable, since its owner waits for that. References left by a crash in between are
  // released at the next start.
  book_.flush(alive_.guard([this, references = std::move(references), id = live.job.id](const Status&) mutable {
    cache_.let_go(std::move(references), logged("let go of the contents of job " + id));
  }));
}

}  // namespace larder::agent

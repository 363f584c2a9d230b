// JobEngine: the mirrors of a file.
#include <algorithm>

#include "agent/jobs/job_engine.h"
#include "agent/jobs/model/mirrors.h"
#include "base/io/log.h"

namespace larder::agent {

// Asks the next URL at once after a failed attempt, or fails the file.
void JobEngine::attempt_failed(LiveJob& live, unsigned file, const Error& error) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  const MirrorRound::Decision decision = state.mirrors.on_failed(facts.spec.mirrors.size() + 1, error);
  if (!decision.next) {
    if (decision.over) turn_mirror(live, file);
    return file_failed(live, file, decision.error.value_or(error));
  }
  state.transfer = 0;
  ++state.attempt;
  facts.crowd.reset();
  log::warn("mirror failed, the next is asked file={}: {}", facts.id, error.text());
  turn_mirror(live, file);
  live.queue.add(file);
  book_.set_file_state(live, file, FileState::waiting);
  pump(live);
}

void JobEngine::turn_mirror(LiveJob& live, unsigned file) {
  File& facts = live.job.files[file];
  turn_to_next_mirror(facts);
  facts.retargeted = true;  // the next URL decides whether the content is continued
  LiveFile& state = live.files[file];
  if (state.known) --live.looked_up;
  state.known.reset();
  book_.touch_file(live, file);
}

// Returns true if bytes of another mirror may continue the content: it has the same size, and the caller's digest
// decides over the whole.
bool JobEngine::may_mix(const LiveJob& live, unsigned file, const cache::Version& with) const {
  const File& facts = live.job.files[file];
  if (facts.spec.mirrors.empty() || !facts.spec.sha256 || live.files[file].mixed_badly) return false;
  return facts.version && facts.version->size && facts.version->size == with.size && with.has_validator();
}

// Fetches the file again after the digest has refused a mirror's bytes. Returns false if there is no other URL to ask.
bool JobEngine::ask_mirror_after_mismatch(LiveJob& live, unsigned file, const Error& reason, bool for_all) {
  File& facts = live.job.files[file];
  LiveFile& state = live.files[file];
  if (facts.spec.mirrors.empty() || reason.code != ErrorCode::digest_mismatch) return false;
  const bool mixed = facts.mixed && !state.mixed_badly;
  if (mixed) {  // the bytes of this mirror alone may be right
    state.mixed_badly = true;
    facts.origin_alone = true;
  } else {
    if (!state.mirrors.on_failed(facts.spec.mirrors.size() + 1, reason).next) return false;
    facts.origin_alone = false;
  }
  log::warn("content of a mirror has another digest, {} file={}: {}", mixed ? "fetched anew" : "the next is asked",
            facts.id, reason.text());
  book_.set_file_state(live, file, FileState::waiting);
  leave_rejected(live, file, for_all);
  if (!mixed) turn_mirror(live, file);
  return true;
}

}  // namespace larder::agent

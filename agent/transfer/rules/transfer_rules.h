// What to do when a stream breaks or the origin's edition changes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text/units.h"
#include "cache/record/record.h"
#include "cache/record/version.h"
#include "origin/origin.h"

namespace larder::agent {

// Returns true if the answer may be of the version: no validator that both carry differs. A part of the content need
// not repeat every validator. A known size must be repeated, since an answer without one may end anywhere.
[[nodiscard]] bool may_be_of(const cache::Version& version, const cache::Version& answer);

// Returns true if equality with this version proves the same edition: by an ETag, or by a date together with the size.
// A date alone would take two editions of one second for one.
[[nodiscard]] bool names_edition(const cache::Version& version);
// Returns true if another attempt can continue the partial content, provided the origin still names its edition.
[[nodiscard]] bool can_go_on(const cache::ContentInfo& info);
// Returns what is remembered of the answer with which a content is begun.
[[nodiscard]] cache::FirstAnswer first_answer_of(const origin::Edition& edition);
// Returns why an answer need not be the origin's, for people; nothing if it is an edition, or nothing was begun. An
// answer from another host than each of `begun`, of another type, and without any validator looks like a captive portal
// or a proxy's login page: it does not prove a change of edition. Each of the three alone is what honest mirrors do.
[[nodiscard]] std::optional<std::string> why_not_the_origins(const std::vector<cache::FirstAnswer>& begun,
                                                             const origin::Edition& edition);
// Returns the first answers of the partial contents that a file holds and could continue.
[[nodiscard]] std::vector<cache::FirstAnswer> begun_with(const std::vector<cache::ContentInfo>& held);
// Returns the one partial content of another edition of `url` that is kept until the chosen content is complete: the
// largest that could be continued. The others are released, so that a file never holds more than two contents.
[[nodiscard]] std::optional<cache::ContentInfo> old_part(const std::vector<cache::ContentInfo>& held,
                                                         const cache::ContentId& chosen, const std::string& url);

// Maximum restarts of a file because its edition changed (docs/design.md, The origin). The next change is an error.
inline constexpr unsigned kMaxRestarts = 3;

class RestartRule {
 public:
  [[nodiscard]] unsigned restarts() const { return restarts_; }
  // Counts a change of edition. Returns true if the file may start over.
  [[nodiscard]] bool restart();
  // Returns the error for a file that may not start over.
  [[nodiscard]] Error given_up(const std::string& url) const;

 private:
  unsigned restarts_ = 0;
};

struct StreamBreak {
  ErrorCode code = ErrorCode::connection_lost;
  bool resumable = false;      // the rest can be requested, and a change of edition would be noticed
  bool whole = false;          // the source was asked for everything
  std::size_t others = 0;      // streams of the same source that go on
  std::uint64_t progress = 0;  // bytes since the last break (or the start), all streams
};

enum class BreakDecision {
  resume,       // ask for the rest at once; it queues behind waiting requests
  narrow,       // continue with the other streams; they take over the rest
  whole_only,   // the source has no ranges after all: ask for everything
  next_source,  // this source cannot deliver; another may
  restart,      // another edition: the file starts over
  fail,         // the attempt ends; what is committed stays
};

// Bytes of progress after which a broken stream is resumed at once: a link that breaks now and then costs no retry
// delay, and one that delivers nothing is not asked in a loop.
inline constexpr std::uint64_t kResumeProgress = kMiB;

[[nodiscard]] BreakDecision on_origin_break(const StreamBreak& what);

}  // namespace larder::agent

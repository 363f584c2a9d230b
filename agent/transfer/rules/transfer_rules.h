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

// Equal in every validator that both carry: the answer may be of this version. A part of the content need not repeat
// every validator, but none may differ. A size that is known must be told: an answer without one may end anywhere.
[[nodiscard]] bool may_be_of(const cache::Version& version, const cache::Version& answer);

// Whether equal versions are the same edition: by an ETag, or by a date together with the size. A date alone, where
// nobody says the size, would take two editions of one second for one.
[[nodiscard]] bool names_edition(const cache::Version& version);
// A part that another attempt can go on with, where the origin still names its edition.
[[nodiscard]] bool can_go_on(const cache::ContentInfo& info);
// What is remembered of the answer with which a content is begun.
[[nodiscard]] cache::FirstAnswer first_answer_of(const origin::Edition& edition);
// An answer that need not be the origin's is no word of a change: one that comes from another host than each of
// `begun`, is of another type, and has no validator at all, is what a captive portal or a proxy's login page looks
// like. Each of the three alone is what honest mirrors do. Then: why, for people. Absent: it is an edition, or nothing
// was begun.
[[nodiscard]] std::optional<std::string> why_not_the_origins(const std::vector<cache::FirstAnswer>& begun,
                                                             const origin::Edition& edition);
// With which answers the parts were begun that a file holds and could go on with.
[[nodiscard]] std::vector<cache::FirstAnswer> begun_with(const std::vector<cache::ContentInfo>& held);
// Of what a file holds of `url` beside the content that was chosen, the one part of another edition that is kept until
// the chosen one is whole: the largest that could be gone on with. The rest is let go, so that a file never holds more
// than two.
[[nodiscard]] std::optional<cache::ContentInfo> old_part(const std::vector<cache::ContentInfo>& held,
                                                         const cache::ContentId& chosen, const std::string& url);

// A file restarts at most this often because its edition changed (docs/design.md, The origin); then it is an error that
// says so.
inline constexpr unsigned kMaxRestarts = 3;

class RestartRule {
 public:
  [[nodiscard]] unsigned restarts() const { return restarts_; }
  // The edition changed: true when the file may start over (and counts it).
  [[nodiscard]] bool restart();
  // The error when it may not.
  [[nodiscard]] Error given_up(const std::string& url) const;

 private:
  unsigned restarts_ = 0;
};

struct StreamBreak {
  ErrorCode code = ErrorCode::connection_lost;
  bool resumable = false;      // the rest can be asked for, and a change of edition would be noticed
  bool whole = false;          // the source was asked for everything, not for a window
  std::size_t others = 0;      // streams of the same source that go on
  std::uint64_t progress = 0;  // bytes since the last break (or the start), all streams
};

enum class BreakDecision {
  resume,       // ask for the rest at once; where requests stand in line, at its end
  narrow,       // go on with the streams that work; they take over the rest
  whole_only,   // this source has no ranges after all: ask for everything
  next_source,  // this source cannot; another may
  restart,      // another edition: the file starts over
  fail,         // the attempt ends; what is committed stays
};

// A link that breaks now and then must not cost a retry delay each time, but one that delivers nothing must not be
// asked in a circle: at once only after so many bytes.
inline constexpr std::uint64_t kResumeProgress = kMiB;

[[nodiscard]] BreakDecision on_origin_break(const StreamBreak& what);

}  // namespace larder::agent

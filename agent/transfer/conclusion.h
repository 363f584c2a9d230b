// The last steps for one member once a content has all its bytes: hold it, check that it can be read, account for its
// bytes, compute its digest where wanted. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/transfer/member.h"
#include "cache/record/record.h"
#include "origin/origin.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

struct MemberContent {
  cache::ContentInfo info;
  bool found = true;  // found in the cache rather than just finished: it must be opened to be trusted
  bool held = false;  // this file holds it already
  std::optional<SourceFigures> figures;      // none: by its segments if held, else all bytes count as cache
  std::optional<cache::ContentId> replaces;  // content of this file that was merged into `info`
  std::optional<origin::Edition> edition;
  std::string note;
  origin::Privacy privacy = origin::Privacy::shareable;
  std::optional<WallTime> offline;  // as in TransferResult
};

struct ConcludeError {
  Error error;
  bool vanished = false;  // found, but it cannot be held or opened: look it up again without it
};

using Concluded = UniqueFunction<void(tl::expected<TransferResult, ConcludeError>)>;

// Calls `done` once, perhaps from within the call. Never calls it if the member has ended by then.
void conclude_member(cache::Cache& cache, MemberPtr member, MemberContent content, Concluded done);

// Releases all contents that the member holds but `keep` (another content was chosen). Bytes fetched for the file into
// unfinished ones count as wasted by the time of `done`, which is always called, perhaps from within the call.
void abandon_all_but(
    cache::Cache& cache, const MemberPtr& member, const cache::ContentId& keep, UniqueFunction<void()> done = [] {});
// The same, but keeps the largest partial content of another edition of `url` until the chosen content is complete: the
// origin may return to that edition.
void abandon_all_but_old_part(cache::Cache& cache, const MemberPtr& member, const cache::ContentId& chosen,
                              const std::string& url);

}  // namespace larder::agent

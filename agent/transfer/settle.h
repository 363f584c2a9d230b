// The last steps for one member, when a content with all its bytes is there: hold it, make sure that it can be read,
// account for its bytes, know its digest where that is wanted. Callbacks of the cache; loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/transfer/member.h"
#include "cache/cache.h"
#include "origin/origin.h"

namespace larder::agent {

struct Settlement {
  cache::ContentInfo info;
  bool found = true;                     // in the cache, rather than just finished: it must be opened to be believed
  bool held = false;                     // by this file, already
  std::optional<SourceFigures> figures;  // none: from its segments where it is held, else all of it is cache
  std::optional<cache::ContentId> replaces;  // a content of this file that was merged into it
  std::optional<origin::Edition> edition;
  std::string note;
  origin::Privacy privacy = origin::Privacy::shareable;
  std::optional<WallTime> offline;  // as in TransferResult
};

struct SettleError {
  Error error;
  bool vanished = false;  // found, but not there after all: ask again without it
};

using Settled = UniqueFunction<void(tl::expected<TransferResult, SettleError>)>;

// `done` is not called when the member is gone by then.
void settle(cache::Cache& cache, MemberPtr member, Settlement settlement, Settled done);

// The file no longer needs the contents that it holds: another edition, or another content was chosen. What was fetched
// for it into unfinished ones is wasted, and counted by the time of `done`, which always comes.
void abandon_all_but(
    cache::Cache& cache, const MemberPtr& member, const cache::ContentId& keep, UniqueFunction<void()> done = [] {});
// The same, but for one part of another edition of `url`: until what was chosen is whole, the origin may find back to
// it.
void abandon_all_but_old_part(cache::Cache& cache, const MemberPtr& member, const cache::ContentId& chosen,
                              const std::string& url);

}  // namespace larder::agent

#include "inbox/service/context.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::inbox {
namespace {

constexpr std::chrono::seconds kAskAgain{5};

}  // namespace

void Context::room(Done<std::uint64_t> done) {
  store.space(runtime.clock.now(),
              [keep_free = settings.keep_free, done = std::move(done)](Result<DiskSpace> space) mutable {
                if (!space) return done(tl::unexpected<Refused>(inbox::refused_by(space.error())));
                done(space->available - std::min(space->available, keep_free));
              });
}

void Context::drop_files(std::vector<std::string> ids, StatusDone done) {
  store.remove(ids, guard([this, ids, done = std::move(done)](Status removed) mutable {
                 if (!removed) return done(std::move(removed));
                 ledger.note_removed(std::move(ids), [done = std::move(done)](Outcome<std::size_t> noted) mutable {
                   if (noted) return done({});
                   done(fail(ErrorCode::database_error, "note that files are gone", noted.error().detail));
                 });
               }));
}

Refused refused_by(const Error& error, const UploadRow& row) {
  Refused refused = refused_by(error);
  // An offset that equals the size is told to nobody before the acceptance.
  if (row.offset != row.size) refused.upload = status_of(row);
  return refused;
}

Refused pending(const UploadRow& row) {
  return Refused{
      Problem::pending,
      fmt::format("cannot say yet what becomes of upload {}: all of it came, and it is being checked", row.id),
      status_of(row), kAskAgain};
}

}  // namespace larder::inbox

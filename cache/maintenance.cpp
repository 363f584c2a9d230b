#include "cache/maintenance.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "cache/file_check.h"
#include "cache/record/retention.h"

namespace larder::cache {
namespace {

constexpr Duration kStepPause = std::chrono::milliseconds(5);  // between directories: other work goes first
constexpr Duration kAgeInterval = std::chrono::hours(1);
constexpr Duration kSpaceInterval = std::chrono::seconds(30);
constexpr std::size_t kRows = 2048;
constexpr std::size_t kAgeBatch = 64;

std::vector<ContentId> list_contents(FileSystem& files, const ContentLayout& layout, std::size_t prefix) {
  std::vector<ContentId> names;
  const Status listed = files.list(layout.prefix_directory(prefix), [&](const std::string& name) {
    if (auto id = ContentLayout::parse_name(prefix, name)) names.push_back(std::move(*id));
    return true;
  });
  if (!listed && listed.error().code != ErrorCode::not_found) {
    log::warn("cannot check a directory of contents error=\"{}\"", listed.error().text());
    names.clear();  // nothing is removed by a partial list: the disk fails
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Maintenance::Maintenance(Runtime runtime, DiskQueue& disk, Database& database, FileSystem& files,
                         const ContentLayout& layout, MaintenanceHost& host, Duration max_age)
    : runtime_(runtime),
      disk_(disk),
      database_(database),
      files_(files),
      layout_(layout),
      host_(host),
      max_age_(max_age) {}

Maintenance::~Maintenance() {
  runtime_.timers.cancel(step_timer_);
  runtime_.timers.cancel(space_timer_);
}

void Maintenance::start() {
  if (running_) return;
  running_ = true;
  started_ = runtime_.clock.wall();
  check_space_later();
  step(0);
}

void Maintenance::schedule(Duration delay, Task task) {
  step_timer_ = runtime_.timers.after(delay, std::move(task));
}

void Maintenance::check_space_later() {
  host_.check_space();
  space_timer_ = runtime_.timers.after(kSpaceInterval, [this] { check_space_later(); });
}

void Maintenance::step(std::size_t prefix) {
  if (prefix == kPrefixes) {
    if (orphans_ + damaged_ > 0) {
      log::info("cache checked files_without_record={} records_dropped={}", orphans_, damaged_);
    }
    return age_out(std::nullopt);
  }
  disk_.submit([this, &files = files_, layout = layout_, prefix]() -> Task {
    return [this, prefix, names = list_contents(files, layout, prefix)]() mutable {
      auto directory = std::make_shared<Directory>();
      directory->prefix = prefix;
      // A content in use may have no record yet. A content not in use has its record before the rows are read below, or
      // is being removed: a file without a record then is an orphan.
      std::erase_if(names, [this](const ContentId& id) { return host_.in_use(id); });
      directory->names = std::move(names);
      read_rows(std::move(directory));
    };
  });
}

void Maintenance::read_rows(std::shared_ptr<Directory> directory) {
  const ContentId after = directory->rows.empty() ? ContentId() : directory->rows.back().id;
  database_.read<std::vector<index::PrefixRow>>(
      "check the records of a directory",
      [prefix = prefix_name(directory->prefix), after](SQLite::Database& db) {
        return index::prefix_rows(db, prefix, after, kRows);
      },
      alive_.guard([this, directory](Result<std::vector<index::PrefixRow>> rows) {
        if (!rows) {
          log::warn("cannot check the cache error=\"{}\"", rows.error().text());
          return next(directory->prefix);
        }
        const bool all = rows->size() < kRows;
        std::move(rows->begin(), rows->end(), std::back_inserter(directory->rows));
        if (!all) return read_rows(directory);
        compare(directory);
      }));
}

void Maintenance::compare(std::shared_ptr<Directory> directory) {
  const auto by_id = [](const index::PrefixRow& row, const ContentId& id) { return row.id < id; };
  std::vector<ContentId> orphans;
  for (const ContentId& id : directory->names) {
    const auto at = std::lower_bound(directory->rows.begin(), directory->rows.end(), id, by_id);
    if (at == directory->rows.end() || at->id != id) orphans.push_back(id);
  }
  std::erase_if(directory->rows, [this](const index::PrefixRow& row) { return host_.in_use(row.id); });
  disk_.submit([this, directory, orphans = std::move(orphans), &files = files_, layout = layout_]() -> Task {
    auto damages = std::make_shared<std::vector<Damage>>();
    for (const ContentId& id : orphans) {
      if (Status removed = files.remove(layout.content_path(id)); !removed) {
        log::warn("cannot remove a file without a record error=\"{}\"", removed.error().text());
      }
    }
    for (const index::PrefixRow& row : directory->rows) {
      const auto verdict = check_file(files, layout.content_path(row.id), row.mark);
      if (!verdict) {
        log::warn("cannot check content={} error=\"{}\"", row.id, verdict.error().text());
      } else if (!verdict->intact) {
        damages->push_back({row.id, verdict->why});
      }
    }
    return [this, directory, damages, removed = orphans.size()] {
      orphans_ += removed;
      damaged_ += damages->size();
      drop_unkept(directory);
      drop_damaged(directory->prefix, damages);
    };
  });
}

// Drops contents of an earlier run that no job holds and that may not stay unheld.
void Maintenance::drop_unkept(std::shared_ptr<Directory> directory) {
  std::vector<ContentId> ids;
  for (const index::PrefixRow& row : directory->rows) {
    if (!row.kept && row.created < started_ && !host_.in_use(row.id)) ids.push_back(row.id);
  }
  if (!ids.empty()) host_.drop_unheld(std::move(ids), index::RemoveOnly::unheld, [] {});
}

void Maintenance::drop_damaged(std::size_t prefix, std::shared_ptr<std::vector<Damage>> damages) {
  if (damages->empty()) return next(prefix);
  const Damage damage = std::move(damages->back());
  damages->pop_back();
  const auto go_on = [this, prefix, damages] { drop_damaged(prefix, damages); };
  if (host_.in_use(damage.id)) return go_on();
  host_.drop_changed(damage.id, damage.why, go_on);
}

void Maintenance::next(std::size_t prefix) {
  schedule(kStepPause, [this, prefix] { step(prefix + 1); });
}

void Maintenance::age_out(std::optional<index::Candidate> after) {
  const std::int64_t limit = to_unix_ns(age_limit(runtime_.clock.wall(), max_age_));
  database_.read<std::vector<index::Candidate>>(
      "find records that are too old",
      [after = std::move(after)](SQLite::Database& db) { return index::candidates(db, after, kAgeBatch); },
      alive_.guard([this, limit](Result<std::vector<index::Candidate>> candidates) {
        std::vector<ContentId> ids;
        std::optional<index::Candidate> last;
        if (candidates) {
          for (const index::Candidate& candidate : *candidates) {
            if (candidate.last_used_ns >= limit) break;
            last = candidate;
            if (!host_.in_use(candidate.id)) ids.push_back(candidate.id);
          }
        }
        if (!last) return schedule(kAgeInterval, [this] { age_out(std::nullopt); });
        host_.drop_unheld(std::move(ids), index::RemoveOnly::evictable,
                          [this, last] { schedule(kStepPause, [this, last] { age_out(last); }); });
      }));
}

}  // namespace larder::cache

#include <SQLiteCpp/Database.h>

#include <algorithm>
#include <iterator>

#include "cache/cache_impl.h"

namespace larder::cache {
namespace {

constexpr unsigned kMostWaits = 8;  // waits for writers of one holder, before find_known() answers without them

std::optional<ContentInfo> info_of(const std::optional<index::Row>& row) {
  if (!row) return std::nullopt;
  return row->info;
}

Result<Cache::Known> look_up(SQLite::Database& db, const std::string& url, const std::string& holder) {
  const auto any = index::knows_url(db, url);
  auto held = index::held_by(db, holder);
  if (!any || !held) return tl::unexpected(!any ? any.error() : held.error());
  Cache::Known known;
  known.url = *any;
  for (index::Row& row : *held) known.own_contents.push_back(std::move(row.info));
  return known;
}

}  // namespace

CacheImpl::CacheImpl(const CacheSettings& settings, Runtime runtime, FileSystem& files, WorkerPool& disk,
                     Database& database, DiskSpace space)
    : settings_(settings),
      runtime_(runtime),
      files_(files),
      database_(database),
      layout_(settings.state_directory),
      directories_(std::make_shared<PrefixDirectories>(files, layout_)),
      disk_(runtime, disk),
      sync_(std::make_unique<SyncBatcher>(runtime.executor, directories_)),
      space_(runtime, disk_, database, files, layout_.contents_directory(), settings, space,
             {[this] { return busy_contents(); },
              [this](std::vector<ContentId> ids, Done<Removed> done) {
                remove_records(std::move(ids), index::RemoveOnly::evictable, std::move(done));
              }}),
      maintenance_(runtime, disk_, database, files, layout_, *this, settings.max_age) {}

CacheImpl::~CacheImpl() {
  writer_link_->host = nullptr;
}

CacheImpl::Active* CacheImpl::active(const ContentId& id) {
  const auto found = active_.find(id);
  return found == active_.end() ? nullptr : &found->second;
}

void CacheImpl::simple_write(std::string doing, UniqueFunction<Status(SQLite::Database&)> work, Done<void> done) {
  database_.write(std::move(doing), std::move(work), alive_.guard(std::move(done)));
}

void CacheImpl::check_row(index::Row row, UniqueFunction<void(Result<FileVerdict>)> done) {
  disk_.submit([&files = files_, path = layout_.content_path(row.info.id), mark = row.mark,
                done = std::move(done)]() mutable -> Task {
    auto verdict = check_file(files, path, mark);
    return [done = std::move(done), verdict = std::move(verdict)]() mutable { done(std::move(verdict)); };
  });
}

// Drops a record whose file has changed, then looks for the next one.
void CacheImpl::find_checked(Finder finder, Done<std::optional<ContentInfo>> done) {
  using Found = std::optional<index::Row>;
  read_for<Found>("look a content up", finder, [this, finder, done = std::move(done)](Result<Found> row) mutable {
    if (!row) return done(tl::unexpected(row.error()));
    // The file of a content that is being written changes all the time: not checked.
    if (!*row || active((*row)->info.id) != nullptr) return done(info_of(*row));
    check_row(**row, [this, finder, row = **row, done = std::move(done)](Result<FileVerdict> verdict) mutable {
      if (!verdict) return done(tl::unexpected(verdict.error()));
      if (verdict->intact) return done(std::optional(row.info));
      drop_damaged(row.info.id, verdict->why,
                   [this, finder = std::move(finder), done = std::move(done)](const Status& dropped) mutable {
                     if (!dropped) return done(std::optional<ContentInfo>());  // looking again would find it again
                     find_checked(std::move(finder), std::move(done));
                   });
    });
  });
}

void CacheImpl::find_version(const Version& version, Done<std::optional<ContentInfo>> done) {
  if (!version.has_validator()) return answer<std::optional<ContentInfo>>(std::move(done), std::nullopt);
  find_checked([version](SQLite::Database& db) { return index::find_version(db, version); }, std::move(done));
}

void CacheImpl::find_by_sha256(const Digest& sha256, Done<std::optional<ContentInfo>> done) {
  find_checked([sha256](SQLite::Database& db) { return index::find_sha256(db, sha256); }, std::move(done));
}

void CacheImpl::find_newest(const std::string& url, Done<std::optional<ContentInfo>> done) {
  find_checked([url](SQLite::Database& db) { return index::find_newest(db, url); }, std::move(done));
}

ContentInfo CacheImpl::fresh_info(const ContentId& id, const Active& content) const {
  ContentInfo info;
  info.id = id;
  info.size = content.core ? content.core->size() : content.fresh->version.size;
  info.shareable = content.fresh->shareable;
  info.offered = content.fresh->offered;
  info.first_answer = content.fresh->first_answer;
  info.created = info.last_used = content.fresh->created;
  info.versions = {content.fresh->version};
  return info;
}

void CacheImpl::get(const ContentId& id, Done<ContentInfo> done) {
  if (const Active* content = active(id); content != nullptr && content->fresh) {
    return answer<ContentInfo>(std::move(done), fresh_info(id, *content));
  }
  using Found = std::optional<index::Row>;
  read_for<Found>(
      "read record " + id, [id](SQLite::Database& db) { return index::load(db, id); },
      [id, done = std::move(done)](Result<Found> row) mutable {
        if (!row) return done(tl::unexpected(row.error()));
        if (!*row) return done(fail(ErrorCode::not_found, "read record " + id, "the cache has no such record"));
        done((*row)->info);
      });
}

void CacheImpl::get_for(const ContentId& id, std::uint32_t user, Done<ContentInfo> done) {
  using Found = std::optional<index::Row>;
  read_for<Found>(
      "read record " + id, [id, user](SQLite::Database& db) { return index::load_for(db, id, user); },
      [id, done = std::move(done)](Result<Found> row) mutable {
        if (!row) return done(tl::unexpected(row.error()));
        if (!*row) return done(fail(ErrorCode::not_found, "read record " + id, "the cache has no such record"));
        done((*row)->info);
      });
}

void CacheImpl::find_known(const std::string& url, const std::string& holder, Done<Known> done) {
  known_in({url, holder}, kMostWaits, std::move(done));
}

// An earlier attempt of this holder may still be committing its last segments. find_known() waits for it: otherwise the
// new attempt would miss a content that it holds. Contents of other holders are not waited for. This first check,
// before the index is asked, finds a content without a record: its first segment may be committed while the query runs.
CacheImpl::Active* CacheImpl::ending_before(const std::string& holder) {
  for (auto& [id, content] : active_) {
    if (content.ending() && content.fresh && content.fresh->holders.contains(holder)) return &content;
  }
  return nullptr;
}

// The second check, after the query, finds contents that the index names.
CacheImpl::Active* CacheImpl::ending_of(const Known& known) {
  for (const ContentInfo& info : known.own_contents) {
    Active* content = active(info.id);
    if (content != nullptr && content->ending()) return content;
  }
  return nullptr;
}

void CacheImpl::known_in(Question question, unsigned waits, Done<Known> done) {
  const auto again = [this, question, waits](Active& ending, Done<Known> then) {
    ending.when_closed.push_back([this, question, waits, then = std::move(then)]() mutable {
      known_in(std::move(question), waits - 1, std::move(then));
    });
  };
  Active* before = waits > 0 ? ending_before(question.holder) : nullptr;
  if (before != nullptr) return again(*before, std::move(done));
  peek_for<Known>(
      "look up what is known of a URL",
      [question](SQLite::Database& db) { return look_up(db, question.url, question.holder); },
      [this, question, waits, again, done = std::move(done)](Result<Known> known) mutable {
        Active* ending = known && waits > 0 ? ending_of(*known) : nullptr;
        if (ending != nullptr) return again(*ending, std::move(done));
        if (known) add_kept(question.url, question.holder, *known);
        done(std::move(known));
      });
}

// Default implementation: asks one by one.
void Cache::find_known_of(std::vector<Question> questions, Done<std::vector<Known>> done) {
  struct Asking {
    std::size_t open;
    Result<std::vector<Known>> all;
    Done<std::vector<Known>> done;
  };
  if (questions.empty()) return done({});
  auto asking =
      std::make_shared<Asking>(Asking{questions.size(), std::vector<Known>(questions.size()), std::move(done)});
  for (std::size_t i = 0; i < questions.size(); ++i) {
    find_known(questions[i].url, questions[i].holder, [asking, i](Result<Known> one) {
      if (!one) {
        asking->all = tl::unexpected(one.error());
      } else if (asking->all) {
        (*asking->all)[i] = std::move(*one);
      }
      if (--asking->open == 0) asking->done(std::move(asking->all));
    });
  }
}

// One query for all; the few questions that must wait for a writer are then asked one by one.
void CacheImpl::find_known_of(std::vector<Question> questions, Done<std::vector<Known>> done) {
  struct Asked {
    std::vector<Question> questions;
    std::vector<bool> late;
  };
  auto asked = std::make_shared<Asked>();
  for (const Question& question : questions) asked->late.push_back(ending_before(question.holder) != nullptr);
  asked->questions = std::move(questions);
  peek_for<std::vector<Known>>(
      "look up what is known of URLs",
      [asked](SQLite::Database& db) -> Result<std::vector<Known>> {
        std::vector<Known> all;
        for (const Question& question : asked->questions) {
          auto known = look_up(db, question.url, question.holder);
          if (!known) return tl::unexpected(known.error());
          all.push_back(std::move(*known));
        }
        return all;
      },
      [this, asked, done = std::move(done)](Result<std::vector<Known>> all) mutable {
        if (!all) return done(std::move(all));
        std::vector<Question> late;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < all->size(); ++i) {
          if (!asked->late[i] && ending_of((*all)[i]) == nullptr) continue;
          late.push_back(asked->questions[i]);
          places.push_back(i);
        }
        if (late.empty()) return done(std::move(all));
        Cache::find_known_of(std::move(late), [all = std::move(*all), places = std::move(places),
                                               done = std::move(done)](Result<std::vector<Known>> known) mutable {
          if (!known) return done(std::move(known));
          for (std::size_t i = 0; i < places.size(); ++i) all[places[i]] = std::move((*known)[i]);
          done(std::move(all));
        });
      });
}

void CacheImpl::list(ListQuery query, Done<std::vector<ContentInfo>> done) {
  list_step(std::move(query), {}, std::move(done));
}

void CacheImpl::list_step(ListQuery query, std::vector<ContentInfo> so_far, Done<std::vector<ContentInfo>> done) {
  const std::size_t wanted = query.limit - std::min(query.limit, so_far.size());
  if (wanted == 0) return answer<std::vector<ContentInfo>>(std::move(done), std::move(so_far));
  read_for<index::Page>(
      "list records", [query, wanted](SQLite::Database& db) { return index::page(db, query, wanted); },
      [this, query, so_far = std::move(so_far), done = std::move(done)](Result<index::Page> page) mutable {
        if (!page) return done(tl::unexpected(page.error()));
        std::move(page->infos.begin(), page->infos.end(), std::back_inserter(so_far));
        if (!page->scanned || so_far.size() >= query.limit) return done(std::move(so_far));
        query.after_id = *page->scanned;
        list_step(std::move(query), std::move(so_far), std::move(done));
      });
}

void CacheImpl::segments(const ContentId& id, Done<std::vector<SegmentInfo>> done) {
  using Segments = std::vector<SegmentInfo>;
  read_for<Segments>(
      "read the segments of record " + id,
      [id](SQLite::Database& db) -> Result<Segments> {
        auto row = index::load(db, id);
        if (!row) return tl::unexpected(row.error());
        if (!*row)
          return fail(ErrorCode::not_found, "read the segments of record " + id, "the cache has no such record");
        return index::segment_infos(db, (*row)->info);
      },
      std::move(done));
}

void CacheImpl::figures(Done<CacheFigures> done) {
  space_.measure(alive_.guard([this, done = std::move(done)](Status status) mutable {
    if (!status) return done(tl::unexpected(status.error()));
    read_for<index::Totals>(
        "read the cache's totals", [](SQLite::Database& db) { return index::totals(db, {}); },
        [this, done = std::move(done)](Result<index::Totals> totals) mutable {
          if (!totals) return done(tl::unexpected(totals.error()));
          const SpaceLedger& ledger = space_.ledger();
          CacheFigures figures;
          figures.records = totals->records;
          figures.bytes = totals->bytes;
          figures.max_size = ledger.limits().max_size;
          figures.keep_free = ledger.limits().keep_free;
          figures.available = ledger.disk().available;
          figures.evicted = space_.evicted();
          figures.dropped_damaged = dropped_damaged_;
          done(figures);
        });
  }));
}

void CacheImpl::apply(const CacheSettings& settings) {
  settings_ = settings;
  maintenance_.set_max_age(settings.max_age);
  space_.apply(settings);
}

void CacheImpl::start_maintenance() {
  maintenance_.start();
}

Result<std::unique_ptr<Cache>> make_cache(const CacheSettings& settings, Runtime runtime, FileSystem& files,
                                          WorkerPool& disk, Database& database) {
  const ContentLayout layout(settings.state_directory);
  if (Status made = files.make_directories(layout.contents_directory()); !made) return tl::unexpected(made.error());
  if (Status synced = files.sync_directory(settings.state_directory); !synced) return tl::unexpected(synced.error());
  const auto space = files.space(layout.contents_directory());
  if (!space) return tl::unexpected(space.error());
  return std::unique_ptr<Cache>(std::make_unique<CacheImpl>(settings, runtime, files, disk, database, *space));
}

}  // namespace larder::cache

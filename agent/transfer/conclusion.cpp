#include "agent/transfer/conclusion.h"

#include "agent/transfer/account.h"
#include "agent/transfer/rules/transfer_rules.h"
#include "base/io/log.h"
#include "cache/cache.h"

namespace larder::agent {
namespace {

void release(cache::Cache& cache, const cache::ContentId& content, const std::string& file_id) {
  cache.release(content, file_id, [content, file_id](Status status) {
    if (!status) log::warn("content not released id={} file={} error={}", content, file_id, status.error().text());
  });
}

// Calls `done` when its last shared_ptr is destroyed. Each callback that has to run first holds one; a callback that is
// destroyed without being called releases its pointer too, so `done` always comes.
class AfterAll {
 public:
  explicit AfterAll(UniqueFunction<void()> done) : done_(std::move(done)) {}
  ~AfterAll() { done_(); }
  AfterAll(const AfterAll&) = delete;
  AfterAll& operator=(const AfterAll&) = delete;

 private:
  UniqueFunction<void()> done_;
};

// The cache answers reads and writes in order: the segments are read before the release takes them away.
void abandon(cache::Cache& cache, const MemberPtr& member, const std::vector<cache::ContentInfo>& contents,
             UniqueFunction<void()> done) {
  const auto after_all = std::make_shared<AfterAll>(std::move(done));
  for (const cache::ContentInfo& info : contents) {
    if (info.state == cache::ContentState::partial) {
      cache.segments(info.id, [member, after_all](Result<std::vector<cache::SegmentInfo>> segments) {
        if (segments) member->wasted += fetched_for(*segments, member->file_id());
      });
    }
    release(cache, info.id, member->file_id());
  }
}

class Conclusion : public std::enable_shared_from_this<Conclusion> {
 public:
  Conclusion(cache::Cache& cache, MemberPtr member, MemberContent content, Concluded done)
      : cache_(cache), member_(std::move(member)), it_(std::move(content)), done_(std::move(done)) {}

  void hold() {
    if (it_.held) return replace();
    cache_.hold(it_.info.id, member_->holder(), step<void>([](Conclusion& self) { self.replace(); }));
  }

 private:
  // Returns a callback that takes the next step, or ends with the error of the last one.
  template <class T, class F>
  cache::Done<T> step(F next) {
    return [self = shared_from_this(), next = std::move(next)](Result<T> result) mutable {
      if (self->member_->gone) return;
      if (!result) return self->failed(result.error());
      if constexpr (std::is_void_v<T>) {
        next(*self);
      } else {
        next(*self, std::move(*result));
      }
    };
  }

  void failed(Error error) {
    if (it_.found) release(cache_, it_.info.id, member_->file_id());
    done_(tl::unexpected<ConcludeError>(ConcludeError{std::move(error), it_.found}));
  }

  void replace() {
    if (it_.replaces) release(cache_, *it_.replaces, member_->file_id());
    if (!it_.found) return account();
    using Lease = std::shared_ptr<cache::ContentLease>;
    cache_.open(it_.info.id, step<Lease>([](Conclusion& self, const Lease&) { self.account(); }));
  }

  void account() {
    const std::uint64_t size = it_.info.size.value_or(it_.info.bytes_held);
    if (it_.figures) return digest();
    if (!it_.held) {
      it_.figures = finished_figures({}, member_->file_id(), size);
      return digest();
    }
    using Segments = std::vector<cache::SegmentInfo>;
    cache_.segments(it_.info.id, step<Segments>([size](Conclusion& self, const Segments& segments) {
                      self.it_.figures = finished_figures(segments, self.member_->file_id(), size);
                      self.digest();
                    }));
  }

  [[nodiscard]] bool wants_digest() const {
    const TransferRequest& request = member_->request;
    return request.want_sha256 || request.sha256 || (it_.edition && it_.edition->sha256);
  }

  void digest() {
    if (!wants_digest() || it_.info.sha256) return finish();
    cache_.compute_sha256(it_.info.id, step<Digest>([](Conclusion& self, const Digest& digest) {
                            self.it_.info.sha256 = digest;
                            self.finish();
                          }));
  }

  void finish() {
    abandon_all_but(cache_, member_, it_.info.id, [self = shared_from_this()] {
      if (!self->member_->gone) self->tell();
    });
  }

  void tell() {
    TransferResult result;
    result.content = it_.info;
    result.figures = *it_.figures;
    result.figures.wasted = member_->wasted;
    if (wants_digest()) result.sha256 = it_.info.sha256;
    // The origin's digest is of the whole file, not of ranges of it.
    if (it_.edition && member_->request.ranges.empty()) result.origin_sha256 = it_.edition->sha256;
    if (it_.edition) result.version = it_.edition->version;
    result.effective_url = it_.edition ? it_.edition->effective_url : member_->request.target.url.canonical();
    if (it_.edition) result.file_name = it_.edition->file_name;
    result.note = it_.note;
    result.privacy = it_.privacy;
    result.offline = it_.offline;
    done_(std::move(result));
  }

  cache::Cache& cache_;
  MemberPtr member_;
  MemberContent it_;
  Concluded done_;
};

}  // namespace

void conclude_member(cache::Cache& cache, MemberPtr member, MemberContent content, Concluded done) {
  std::make_shared<Conclusion>(cache, std::move(member), std::move(content), std::move(done))->hold();
}

void abandon_all_but(cache::Cache& cache, const MemberPtr& member, const cache::ContentId& keep,
                     UniqueFunction<void()> done) {
  std::vector<cache::ContentInfo> contents = std::exchange(member->own_contents, {});
  std::erase_if(contents, [&keep](const cache::ContentInfo& info) {
    return info.id == keep || info.state == cache::ContentState::set_aside;
  });
  abandon(cache, member, contents, std::move(done));
}

void abandon_all_but_old_part(cache::Cache& cache, const MemberPtr& member, const cache::ContentId& chosen,
                              const std::string& url) {
  const std::optional<cache::ContentInfo> old =
      member->request.origin_alone ? std::nullopt : old_part(member->own_contents, chosen, url);
  if (old) std::erase_if(member->own_contents, [&old](const cache::ContentInfo& info) { return info.id == old->id; });
  abandon_all_but(cache, member, chosen);
  if (old) member->own_contents.push_back(*old);
}

}  // namespace larder::agent

// Jobs and cache as the API sees them, for its tests: they answer at once and remember what they were asked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/group_service.h"
#include "agent/jobs/model/job_service.h"
#include "agent/peer_facts.h"
#include "cache/cache.h"

namespace larder::agent::test {

// A readable content in memory (memfd).
class FakeLease final : public cache::ContentLease {
 public:
  explicit FakeLease(const std::string& bytes);
  ~FakeLease() override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] larder::File& file() override { return *file_; }

 private:
  int descriptor_;
  std::unique_ptr<larder::File> file_;
};

// A job with everything set that a view can show, and secrets that none may.
[[nodiscard]] Job sample_job(const std::string& id, uid_t owner, std::size_t files = 2);
[[nodiscard]] cache::ContentInfo sample_record(const std::string& id, bool shareable = true);
[[nodiscard]] GroupFacts sample_group();
inline constexpr const char* kSecret = "s3cret";  // in every secret of sample_job()

class FakeJobs final : public JobService {
 public:
  std::vector<Job> jobs;
  std::vector<std::string> calls;  // "resume 17 0123…"
  JobOptions created;
  std::vector<FileSpec> files;
  std::vector<std::string> sources;  // what the descriptors of create_upload() gave
  bool was_there = false;            // what create_upload() says
  std::string reply_file;            // what find_reply() gives; empty: not_found
  bool start = false;
  JobChange changed;
  std::string content = "0123456789";
  std::optional<Error> error;  // of the next call
  bool drop_next = false;      // forget the callback of the next call
  std::function<void(const Event&)> listener;
  Totals figures;

  void create(Caller who, JobOptions options, std::vector<FileSpec> specs, bool start_it, JobDone done) override;
  void create_upload(Caller who, JobOptions options, std::vector<UploadSpec> specs, bool start_it,
                     UploadDone done) override;
  void add_files(Caller who, const std::string& id, std::vector<FileSpec> specs, JobDone done) override;
  void resume(Caller who, const std::string& id, JobDone done) override { steer("resume", who, id, std::move(done)); }
  void suspend(Caller who, const std::string& id, JobDone done) override { steer("suspend", who, id, std::move(done)); }
  void cancel(Caller who, const std::string& id, JobDone done) override { steer("cancel", who, id, std::move(done)); }
  void complete(Caller who, const std::string& id, JobDone done) override {
    steer("complete", who, id, std::move(done));
  }
  void change(Caller who, const std::string& id, JobChange change, JobDone done) override;
  void verdict(Caller who, const std::string& id, unsigned file, bool valid, std::string reason, JobDone done) override;
  void retarget(Caller who, const std::string& id, unsigned file, std::string url, JobDone done) override;
  [[nodiscard]] Result<const Job*> find_job(Caller who, const std::string& id) const override;
  [[nodiscard]] std::vector<const Job*> list(Caller who) const override;
  void open_content(Caller who, const std::string& id, unsigned file, bool partial,
                    UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) override;
  [[nodiscard]] Result<std::string> find_reply(Caller who, const std::string& id, unsigned file) const override;
  [[nodiscard]] Totals totals() const override { return figures; }
  void set_listener(std::function<void(const Event&)> heard) override { listener = std::move(heard); }

 private:
  void steer(const std::string& call, Caller who, const std::string& id, JobDone done);
  std::vector<JobDone> dropped_;
};

class FakeCache final : public cache::Cache {
 public:
  std::vector<cache::ContentInfo> records;
  std::map<std::pair<std::string, std::uint32_t>, std::string> asked;  // record and user: the URL that it asked for
  std::vector<std::string> calls;
  cache::CacheFigures in_force;
  std::optional<Error> error;

  void get(const cache::ContentId& id, cache::Done<cache::ContentInfo> done) override;
  void get_for(const cache::ContentId& id, std::uint32_t user, cache::Done<cache::ContentInfo> done) override;
  void pin(const cache::ContentId& id, bool pinned, cache::Done<void> done) override;
  void remove(const cache::ContentId& id, cache::Done<void> done) override;
  void remove_url(const std::string& url, cache::Done<std::uint64_t> done) override;
  void clear(cache::Done<std::uint64_t> done) override;
  void list(cache::ListQuery query, cache::Done<std::vector<cache::ContentInfo>> done) override;
  void segments(const cache::ContentId& id, cache::Done<std::vector<cache::SegmentInfo>> done) override;
  void figures(cache::Done<cache::CacheFigures> done) override;

  // The API asks for none of these.
  void find_version(const cache::Version&, cache::Done<std::optional<cache::ContentInfo>>) override { unasked(); }
  void find_by_sha256(const Digest&, cache::Done<std::optional<cache::ContentInfo>>) override { unasked(); }
  void find_newest(const std::string&, cache::Done<std::optional<cache::ContentInfo>>) override { unasked(); }
  void find_known(const std::string&, const std::string&, cache::Done<Known>) override { unasked(); }
  void create(Create, cache::Done<std::unique_ptr<cache::ContentWriter>>) override { unasked(); }
  void resume(const cache::ContentId&, cache::Done<std::unique_ptr<cache::ContentWriter>>) override { unasked(); }
  void open(const cache::ContentId&, cache::Done<std::shared_ptr<cache::ContentLease>>) override { unasked(); }
  void open_partial(const cache::ContentId&, cache::Done<std::shared_ptr<cache::ContentLease>>) override { unasked(); }
  void compute_sha256(const cache::ContentId&, cache::Done<Digest>) override { unasked(); }
  void hold(const cache::ContentId&, const cache::Holder&, cache::Done<void>) override { unasked(); }
  void release(const cache::ContentId&, const std::string&, cache::Done<void>) override { unasked(); }
  void release_all_but(std::vector<std::string>, cache::Done<void>) override { unasked(); }
  void mark_validated(const cache::ContentId&, cache::Done<void>) override { unasked(); }
  void share_by_digest(const cache::ContentId&, cache::Done<void>) override { unasked(); }
  void drop(const cache::ContentId&, cache::Done<void>) override { unasked(); }
  void set_aside(const cache::ContentId&, const cache::Version&, cache::Done<void>) override { unasked(); }
  void set_aside_own(const cache::ContentId&, const std::string&, cache::Done<void>) override { unasked(); }
  void go_on_privately(const cache::ContentId&, const std::string&, const cache::Version&, cache::Done<void>) override {
    unasked();
  }
  void set_attestations(const cache::ContentId&, Vouching, cache::Done<void>) override { unasked(); }
  void leaves(const cache::ContentId&, SegmentIndex, std::uint64_t, cache::Done<std::vector<Digest>>) override {
    unasked();
  }
  void offerable(const cache::ContentId&, std::size_t, cache::Done<std::vector<Offerable>>) override { unasked(); }
  void observe(std::function<void(const cache::ContentId&)>) override { unasked(); }
  void apply(const cache::CacheSettings&) override { unasked(); }
  void start_maintenance() override { unasked(); }

 private:
  static void unasked();
  [[nodiscard]] cache::ContentInfo* record(const std::string& id);
};

class FakeGroup final : public GroupService {
 public:
  GroupFacts shown;
  std::vector<std::string> calls;  // "create Office"
  InviteRequest asked;
  std::optional<Error> error;  // of the next call

  [[nodiscard]] GroupFacts facts() const override { return shown; }
  void create(std::string name, Done<void> done) override { answer("create " + name, std::move(done)); }
  void invite(InviteRequest request, Done<InviteAnswer> done) override;
  void join(std::string invitation, Done<void> done) override { answer("join " + invitation, std::move(done)); }
  void leave(bool give_up, Done<void> done) override { answer(give_up ? "leave for good" : "leave", std::move(done)); }
  void revoke(std::string agent, Done<RevokeAnswer> done) override;

 private:
  void answer(const std::string& call, Done<void> done);
};

class FakePeers final : public PeerFactsSource {
 public:
  std::vector<std::string> pardoned;  // whom admins named
  std::optional<Error> error;

  [[nodiscard]] SharingFacts sharing_facts() const override { return {}; }
  Result<PardonAnswer> pardon(const std::string& agent) override {
    if (error) return tl::unexpected(*error);
    pardoned.push_back(agent);
    return PardonAnswer{"a1", true};
  }
};

}  // namespace larder::agent::test

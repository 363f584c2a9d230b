#include "tests/unit/api/fakes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace larder::agent::test {
namespace {

class MemoryFile final : public larder::File {
 public:
  explicit MemoryFile(int descriptor) : descriptor_(descriptor) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    std::size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t n =
          ::pread(descriptor_, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
      if (n < 0) return fail(ErrorCode::disk_error, "read", std::to_string(errno));
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  Result<FileStat> stat() override {
    struct stat info {};
    ::fstat(descriptor_, &info);
    FileStat result;
    result.size = static_cast<std::uint64_t>(info.st_size);
    return result;
  }
  Status write_at(std::uint64_t, Bytes) override { return {}; }
  Status truncate(std::uint64_t) override { return {}; }
  Status sync() override { return {}; }
  void start_writeback(ByteRange) override {}
  [[nodiscard]] int descriptor() const override { return descriptor_; }

 private:
  int descriptor_;
};

WallTime wall(int seconds) {
  return WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

agent::File sample_file(const std::string& job, unsigned index) {
  agent::File file;
  file.id = fmt::format("{}.{}", job, index);
  file.index = index;
  file.spec.url = fmt::format("https://anna:{}@example.com/{}.iso?token=t", kSecret, index);
  file.spec.user = "anna";
  file.spec.password = kSecret;
  file.spec.destination = "/home/anna/a.iso";
  file.spec.ranges = {{0, 10}, {20, UINT64_MAX}};
  file.spec.sha256 = sha256(as_bytes("wanted"));
  file.spec.minisign_signature = "signature";
  file.state = FileState::transferred;
  file.size = 10;
  file.bytes = file.contiguous = 10;
  file.figures = {6, 3, 1, 2};
  file.content = "00112233445566778899aabbccddeeff";
  file.version = cache::Version{"https://example.com/a.iso", 10, "\"e\"", "Tue, 01 Jan 2030 00:00:00 GMT"};
  file.actual_sha256 = sha256(as_bytes("actual"));
  file.verdict = "valid";
  file.verdict_reason = "looks good";
  file.effective_url = fmt::format("https://anna:{}@cdn.example.com/a.iso", kSecret);
  file.note = "one stream";
  file.restarts = 1;
  file.error = Error{ErrorCode::busy, "fetch", "later", std::chrono::seconds(7)};
  return file;
}

}  // namespace

FakeLease::FakeLease(const std::string& bytes) : descriptor_(::memfd_create("content", MFD_CLOEXEC)) {
  EXPECT_EQ(::write(descriptor_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  file_ = std::make_unique<MemoryFile>(descriptor_);
}
FakeLease::~FakeLease() {
  ::close(descriptor_);
}

Job sample_job(const std::string& id, uid_t owner, std::size_t files) {
  Job job;
  job.id = id;
  job.owner = owner;
  job.options.name = "images";
  job.options.verdict = {"public", "signature", "scan", true};
  job.options.max_rate = 1000;
  origin::ConnectOptions& connect = job.options.connect;
  connect.headers = {{"Authorization", kSecret}};
  connect.password = connect.proxy_password = connect.client_key = connect.client_key_password = kSecret;
  connect.proxy = fmt::format("http://u:{}@p:1", kSecret);
  job.state = JobState::validating;
  for (unsigned i = 0; i < files; ++i) job.files.push_back(sample_file(id, i));
  job.created = wall(0);
  job.modified = wall(1);
  job.finished = wall(2);
  job.retry_at = wall(3);
  job.error = Error{ErrorCode::http_transient, "fetch a", "it answered 503", std::chrono::seconds(30)};
  job.error_count = 4;
  job.active_time = std::chrono::milliseconds(1500);
  return job;
}

cache::ContentInfo sample_record(const std::string& id, bool shareable) {
  cache::ContentInfo record;
  record.id = id;
  record.state = cache::ContentState::complete;
  record.size = 10;
  record.root = sha256(as_bytes("root"));
  record.sha256 = sha256(as_bytes("actual"));
  record.validated = true;
  record.shareable = shareable;
  record.bytes_held = 10;
  record.created = wall(0);
  record.last_used = wall(5);
  record.uses = 2;
  record.versions = {{"https://example.com/" + id + "?token=t", 10, "\"e\"", "Tue, 01 Jan 2030 00:00:00 GMT"}};
  return record;
}

void FakeJobs::steer(const std::string& call, Caller who, const std::string& id, JobDone done) {
  calls.push_back(fmt::format("{} {} {}", call, who.uid, id));
  if (std::exchange(drop_next, false)) return;  // with its callback
  if (error) return done(tl::unexpected<Error>(*std::exchange(error, std::nullopt)));
  const auto job = find_job(who, id);
  if (!job) return done(tl::unexpected<Error>(job.error()));
  done(**job);
}

void FakeJobs::create(Caller who, JobOptions options, std::vector<FileSpec> specs, bool start_it, JobDone done) {
  created = std::move(options);
  files = std::move(specs);
  start = start_it;
  const std::string id = fmt::format("{:016x}", jobs.size() + 1);
  jobs.push_back(sample_job(id, who.uid, files.size()));
  jobs.back().options.name = created.name;
  steer("create", who, id, std::move(done));
}
void FakeJobs::create_upload(Caller who, JobOptions options, std::vector<UploadSpec> specs, bool start_it,
                             UploadDone done) {
  files.clear();
  sources.clear();
  for (const UploadSpec& spec : specs) {
    files.push_back(spec.file);
    std::string text(100, ' ');
    const ssize_t got = ::pread(spec.source.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    sources.push_back(spec.name + "=" + text);
  }
  const bool existed = was_there;
  const std::string id = fmt::format("{:016x}", jobs.size() + 1);
  jobs.push_back(sample_job(id, who.uid, files.size()));
  jobs.back().options.upload = options.upload;
  for (File& file : jobs.back().files) file.upload = UploadFacts{"a", "key", {}, false, true};
  created = std::move(options);
  start = start_it;
  steer("create_upload", who, id,
        [existed, done = std::move(done)](Result<Job> job) mutable { done(std::move(job), existed); });
}
Result<std::string> FakeJobs::find_reply(Caller, const std::string&, unsigned) const {
  if (reply_file.empty()) return fail(ErrorCode::not_found, "read the reply", "there is none");
  return reply_file;
}
void FakeJobs::add_files(Caller who, const std::string& id, std::vector<FileSpec> specs, JobDone done) {
  files = std::move(specs);
  steer("add_files", who, id, std::move(done));
}
void FakeJobs::change(Caller who, const std::string& id, JobChange change, JobDone done) {
  changed = std::move(change);
  steer("change", who, id, std::move(done));
}
void FakeJobs::verdict(Caller who, const std::string& id, unsigned file, bool valid, std::string reason, JobDone done) {
  steer(fmt::format("verdict({}, {}, {})", file, valid, reason), who, id, std::move(done));
}
void FakeJobs::retarget(Caller who, const std::string& id, unsigned file, std::string url, JobDone done) {
  steer(fmt::format("retarget({}, {})", file, url), who, id, std::move(done));
}

Result<const Job*> FakeJobs::find_job(Caller who, const std::string& id) const {
  for (const Job& job : jobs)
    if (job.id == id && (who.admin || job.owner == who.uid)) return &job;
  return fail(ErrorCode::not_found, "find job " + id, "there is no such job");
}

std::vector<const Job*> FakeJobs::list(Caller who) const {
  std::vector<const Job*> list;
  for (const Job& job : jobs)
    if (who.admin || job.owner == who.uid) list.push_back(&job);
  return list;
}

void FakeJobs::open_content(Caller who, const std::string& id, unsigned file, bool partial,
                            UniqueFunction<void(Result<std::shared_ptr<cache::ContentLease>>)> done) {
  calls.push_back(fmt::format("open {} {} {} {}", who.uid, id, file, partial));
  if (error) return done(tl::unexpected<Error>(*std::exchange(error, std::nullopt)));
  done(std::make_shared<FakeLease>(content));
}

void FakeCache::unasked() {
  ADD_FAILURE() << "the API asked the cache for something that is not its own";
}

cache::ContentInfo* FakeCache::record(const std::string& id) {
  const auto found = std::find_if(records.begin(), records.end(), [&](const auto& each) { return each.id == id; });
  return found == records.end() ? nullptr : &*found;
}

void FakeCache::get(const cache::ContentId& id, cache::Done<cache::ContentInfo> done) {
  if (const auto* found = record(id)) return done(*found);
  done(fail(ErrorCode::not_found, "show record " + id, "the cache has no such record"));
}
void FakeCache::get_for(const cache::ContentId& id, std::uint32_t user, cache::Done<cache::ContentInfo> done) {
  const auto found = asked.find({id, user});
  if (found == asked.end())
    return done(fail(ErrorCode::not_found, "show record " + id, "the cache has no such record"));
  get(id, [url = found->second, done = std::move(done)](Result<cache::ContentInfo> info) mutable {
    if (info) std::erase_if(info->versions, [&url](const cache::Version& version) { return version.url != url; });
    done(std::move(info));
  });
}
void FakeCache::pin(const cache::ContentId& id, bool pinned, cache::Done<void> done) {
  calls.push_back(fmt::format("pin {} {}", id, pinned));
  if (auto* found = record(id)) {
    found->pinned = pinned;
    return done({});
  }
  done(fail(ErrorCode::not_found, "pin record " + id, "the cache has no such record"));
}
void FakeCache::remove(const cache::ContentId& id, cache::Done<void> done) {
  calls.push_back("remove " + id);
  if (error) return done(tl::unexpected<Error>(*std::exchange(error, std::nullopt)));
  done({});
}
void FakeCache::remove_url(const std::string& url, cache::Done<std::uint64_t> done) {
  calls.push_back("remove_url " + url);
  done(std::uint64_t{2});
}
void FakeCache::clear(cache::Done<std::uint64_t> done) {
  calls.emplace_back("clear");
  done(std::uint64_t{3});
}
void FakeCache::list(cache::ListQuery query, cache::Done<std::vector<cache::ContentInfo>> done) {
  calls.push_back(fmt::format("list after={} limit={} url={}", query.after_id, query.limit, query.url_contains));
  std::vector<cache::ContentInfo> page;
  for (const auto& each : records) {
    if (each.id <= query.after_id || page.size() >= query.limit) continue;
    if (each.versions[0].url.find(query.url_contains) == std::string::npos) continue;
    if (!query.user) {
      page.push_back(each);
    } else {
      get_for(each.id, *query.user, [&page](Result<cache::ContentInfo> info) {
        if (info) page.push_back(std::move(*info));
      });
    }
  }
  done(page);
}
void FakeCache::segments(const cache::ContentId&, cache::Done<std::vector<cache::SegmentInfo>> done) {
  done(std::vector<cache::SegmentInfo>{{0, {0, 10}, sha256(as_bytes("root")), cache::Source::origin, "f.0"}});
}
void FakeCache::figures(cache::Done<cache::CacheFigures> done) {
  if (error) return done(tl::unexpected<Error>(*std::exchange(error, std::nullopt)));
  done(in_force);
}

GroupFacts sample_group() {
  GroupFacts facts;
  facts.name = "Office";
  facts.id = std::string(64, 'a');
  facts.role = GroupRole::authority;
  facts.active = true;
  facts.holder = facts.id;
  facts.state_version = 2;
  facts.key_epoch = 2;
  facts.certificate_expires = WallTime{};
  facts.members.push_back({std::string(64, 'b'), "desk-12", "192.0.2.7:7475", WallTime{}});
  facts.revoked_agents.push_back({std::string(64, 'c'), WallTime{}});
  facts.invitations.push_back({WallTime{}, 1});
  facts.problem = Error{ErrorCode::content_damaged, "use it", "it is cut", std::nullopt};
  return facts;
}

void FakeGroup::answer(const std::string& call, Done<void> done) {
  calls.push_back(call);
  if (const auto failed = std::exchange(error, std::nullopt)) return done(tl::unexpected<Error>(*failed));
  done({});
}

void FakeGroup::invite(InviteRequest request, Done<InviteAnswer> done) {
  asked = request;
  answer("invite", [uses = request.uses, done = std::move(done)](Status status) mutable {
    if (!status) return done(tl::unexpected<Error>(status.error()));
    done(InviteAnswer{"larder-invitation:x", WallTime{}, uses});
  });
}

void FakeGroup::revoke(std::string agent, Done<RevokeAnswer> done) {
  answer("revoke " + agent, [agent, done = std::move(done)](Status status) mutable {
    if (!status) return done(tl::unexpected<Error>(status.error()));
    done(RevokeAnswer{agent, 2});
  });
}

}  // namespace larder::agent::test

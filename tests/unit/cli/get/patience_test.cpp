// When `larder get` stops trying, and what it says while it goes on.
#include "agent/cli/get/patience.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

FileView lacking(const std::string& url, ErrorCode code) {
  FileView file;
  file.url = url;
  file.state = "waiting";
  file.error = Error{code, "fetch " + url, "why"};
  return file;
}

JobView waiting(std::vector<FileView> files) {
  JobView job;
  job.state = "transient_error";
  job.error_count = 1;
  for (unsigned i = 0; i < files.size(); ++i) files[i].index = i;
  job.files_total = files.size();
  job.files = std::move(files);
  job.error = job.files.front().error;
  return job;
}

TEST(IsHopeless, WhereTheOtherSideHasSaidSo) {
  struct Row {
    ErrorCode code;
    bool hopeless;
  };
  for (const Row& row :
       {Row{ErrorCode::name_not_resolved, true}, Row{ErrorCode::connect_failed, true},
        Row{ErrorCode::network_unreachable, false}, Row{ErrorCode::timed_out, false},
        Row{ErrorCode::no_progress, false}, Row{ErrorCode::connection_lost, false}, Row{ErrorCode::tls_failed, false},
        Row{ErrorCode::http_transient, false}, Row{ErrorCode::disk_full, false}, Row{ErrorCode::busy, false},
        Row{ErrorCode::blocked_by_policy, false}}) {
    EXPECT_EQ(is_hopeless(waiting({lacking("http://a/x", row.code)}), false), row.hopeless)
        << static_cast<int>(row.code);
  }
}

TEST(IsHopeless, NeverWhileSomethingElseMayStillCome) {
  const FileView refused = lacking("http://a/x", ErrorCode::connect_failed);
  EXPECT_FALSE(is_hopeless(waiting({refused, lacking("http://b/y", ErrorCode::http_transient)}), false));
  FileView there = refused;
  there.state = "transferred";
  there.url = "http://b/z";
  there.error.reset();
  there.figures.origin = 10;
  EXPECT_TRUE(is_hopeless(waiting({there, refused}), false)) << "what is there is handed over, the rest cannot come";
  JobView running = waiting({refused});
  running.state = "connecting";
  EXPECT_FALSE(is_hopeless(running, false));
  JobView unread = waiting({refused});
  unread.files_total = 2;
  EXPECT_FALSE(is_hopeless(unread, false));
  FileView silent = refused;
  silent.error.reset();
  EXPECT_FALSE(is_hopeless(waiting({silent}), false));
}

TEST(IsHopeless, NeverOnceAByteHasCome) {
  FileView begun = lacking("http://a/x", ErrorCode::connect_failed);
  begun.bytes = 1;
  EXPECT_FALSE(is_hopeless(waiting({begun}), false));
  FileView other = lacking("http://a/y", ErrorCode::connect_failed);
  other.state = "transferred";
  other.figures.origin = 5;
  const FileView refused = lacking("http://a/x", ErrorCode::connect_failed);
  EXPECT_FALSE(is_hopeless(waiting({other, refused}), false)) << "the host was there a moment ago";
  other.url = "http://a:81/y";
  EXPECT_TRUE(is_hopeless(waiting({other, refused}), false)) << "another port";
}

TEST(IsHopeless, WithNeighboursInTheOriginsPlaceOnlyTheSecondTime) {
  JobView job = waiting({lacking("http://a/x", ErrorCode::connect_failed)});
  EXPECT_FALSE(is_hopeless(job, true));
  job.error_count = 2;
  EXPECT_TRUE(is_hopeless(job, true));
}

TEST(TroubleOf, SaysForHowLong) {
  using namespace std::chrono;
  JobView job = waiting({lacking("http://a/x", ErrorCode::http_transient)});
  const WallTime now = sys_days(2026y / 1 / 31) + 23h + 59min + 30s;
  EXPECT_EQ(trouble_of(job, now), "trying again: why");
  job.gives_up_at = "2026-02-01T00:09:20.500Z";
  EXPECT_EQ(trouble_of(job, now), "trying for another 9m: why");
  job.gives_up_at = "2026-02-01T00:00:10.000Z";
  EXPECT_EQ(trouble_of(job, now), "trying for another 40s: why");
  job.gives_up_at = "2026-01-31T23:59:00.000Z";
  EXPECT_EQ(trouble_of(job, now), "trying again: why");
  for (const char* none : {"soon", "2026-13-40T00:00:00Z", "2026-01-31"}) {
    job.gives_up_at = none;
    EXPECT_EQ(trouble_of(job, now), "trying again: why") << none;
  }
  job.error.reset();
  EXPECT_EQ(trouble_of(job, now), "");
}

}  // namespace
}  // namespace larder::agent

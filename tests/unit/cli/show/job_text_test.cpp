#include "agent/cli/show/job_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

JobView upload() {
  JobView job;
  job.kind = "upload";
  job.id = "00000000000000aa";
  job.name = "put f";
  job.state = "transferring";
  job.priority = "normal";
  job.files_total = 1;
  job.size = 4 << 20;
  job.bytes = 3 << 20;
  FileView& file = job.files.emplace_back();
  file.url = "https://example.org/in/";
  file.name = "f";
  file.state = "transferring";
  file.size = job.size;
  file.bytes = job.bytes;
  file.sent = 5 << 20;
  file.resent = 2 << 20;
  file.protocol = "tus";
  file.transaction = "00000000000000aa.0";
  file.source = "in_place";
  return job;
}

TEST(JobTable, HasAColumnOfKindsWhereThereAreUploads) {
  JobView download;
  download.id = "00000000000000bb";
  EXPECT_THAT(job_table({download}), Not(HasSubstr("KIND")));
  const std::string both = job_table({download, upload()});
  EXPECT_THAT(both, HasSubstr("KIND"));
  EXPECT_THAT(both, HasSubstr("00000000000000bb  download"));
  EXPECT_THAT(both, HasSubstr("00000000000000aa  upload    transferring"));
}

TEST(JobPage, OfAnUploadSaysWhatWasTaken) {
  const std::string page = job_page(upload());
  for (const char* part :
       {"kind          upload", "taken         3.00 MiB of 4.00 MiB", "5.00 MiB, 2.00 MiB of it again",
        "protocol      tus", "00000000000000aa.0", "the file itself, which must not change"})
    EXPECT_THAT(page, HasSubstr(part));
  for (const char* part : {"origin", "peers", "crowd", "ETag", "reply", "digest"})
    EXPECT_THAT(page, Not(HasSubstr(part)));
}

TEST(JobPage, OfAnUploadThatIsDone) {
  JobView job = upload();
  FileView& file = job.files.front();
  job.state = file.state = "transferred";
  file.source = "snapshot";
  file.reply = true;
  for (const bool confirmed : {false, true}) {
    file.confirmed = confirmed;
    EXPECT_THAT(job_page(job), HasSubstr(confirmed ? "confirmed by the server" : "not named by the server"));
  }
  EXPECT_THAT(job_page(job), HasSubstr("larder job reply"));
  EXPECT_THAT(job_page(job), HasSubstr("a copy, which the agent has"));
}

TEST(JobPage, OfADownloadIsAsBefore) {
  JobView job;
  job.files.emplace_back().url = "https://example.org/x";
  const std::string page = job_page(job);
  EXPECT_THAT(page, HasSubstr("from          origin 0 B, peers 0 B, cache 0 B"));
  for (const char* part : {"kind", "taken", "protocol"}) EXPECT_THAT(page, Not(HasSubstr(part)));
}

}  // namespace
}  // namespace larder::agent

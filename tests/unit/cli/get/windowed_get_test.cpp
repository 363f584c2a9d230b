#include "agent/cli/get/windowed_get.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

struct Situation {
  GetPlan plan;
  JobView job;
  FileView file;
};

Situation full_disk() {
  Situation now;
  now.plan.request.files = {{"https://e/x", "/d/x", "", "", {}}};
  now.job.state = "transient_error";
  now.job.error = Error{ErrorCode::disk_full, "store it", "no room"};
  now.file.size = 100 * kMiB;
  now.file.etag = "\"a\"";
  return now;
}

bool possible(const Situation& now) {
  return can_use_windows(now.plan, now.job, now.file);
}

TEST(CanUseWindows, WhereTheAgentHasNoRoomForTheWhole) {
  EXPECT_TRUE(possible(full_disk()));
  Situation by_date = full_disk();
  by_date.file.etag.clear();
  by_date.file.last_modified = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_TRUE(possible(by_date));
}

TEST(CanUseWindows, NotWhereBytesOfTwoEditionsCouldMeetOrTheWholeIsNeeded) {
  const struct {
    const char* why;
    std::function<void(Situation&)> change;
  } cases[] = {
      {"no validator ties the windows together", [](Situation& s) { s.file.etag.clear(); }},
      {"the size is not known", [](Situation& s) { s.file.size.reset(); }},
      {"another error", [](Situation& s) { s.job.error->code = ErrorCode::connect_failed; }},
      {"it still runs", [](Situation& s) { s.job.state = "transferring"; }},
      {"several files", [](Situation& s) { s.plan.request.files.resize(2); }},
      {"ranges already",
       [](Situation& s) {
         s.plan.request.files[0].ranges = {{0, 5}};
       }},
      {"standard output", [](Situation& s) { s.plan.request.files[0].destination = "-"; }},
      {"a hook judges", [](Situation& s) { s.plan.request.hook = "scan"; }},
      {"a check judges", [](Situation& s) { s.plan.request.app_verdict = true; }},
      {"a signature judges", [](Situation& s) { s.plan.request.minisign_public_key = "k"; }},
  };
  for (const auto& c : cases) {
    Situation now = full_disk();
    c.change(now);
    EXPECT_FALSE(possible(now)) << c.why;
  }
}

TEST(WindowSize, LeavesRoomForTheOneThatIsNotGoneYet) {
  EXPECT_EQ(window_size(0), std::nullopt);
  EXPECT_EQ(window_size(3 * kMiB - 1), std::nullopt);
  EXPECT_EQ(window_size(3 * kMiB), kMiB);
  EXPECT_EQ(window_size(47 * kMiB), 15 * kMiB);
  EXPECT_EQ(window_size(100 * kGiB), kMaxWindow);
}

}  // namespace
}  // namespace larder::agent

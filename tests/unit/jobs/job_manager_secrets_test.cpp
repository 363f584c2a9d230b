// What a job that has ended leaves behind of what it was given to connect with: nothing, in memory and on the disk.
#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>

#include "tests/unit/jobs/manager_fixture.h"

namespace larder::agent {
namespace {

class SecretsTest : public ManagerTest {
 protected:
  bool on_disk() {
    for (const char* name : {"larder.db", "larder.db-wal"}) {
      if (test::read_file(directory_ / name).find("MARKER") != std::string::npos) return true;
    }
    return false;
  }
  // The log of writes is cut a second after the rows went; each look at the index is answered by its thread.
  bool leaves_the_disk() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (on_disk() && std::chrono::steady_clock::now() < end) (void)rows("jobs");
    return !on_disk();
  }
  static JobOptions secret() {
    JobOptions options;
    options.connect.user = "me";
    options.connect.password = "MARKER-password";
    options.connect.headers = {{"Authorization", "Bearer MARKER"}};
    return options;
  }
  static FileSpec spec(const std::string& url) {
    FileSpec made;
    made.url = url;
    return made;
  }
};

TEST_F(SecretsTest, of_a_completed_job_are_forgotten_though_it_is_still_shown) {
  const std::string id = must(create(kAlice, secret(), {spec("http://me:MARKER@host/a")})).id;
  finish(id);
  ASSERT_TRUE(on_disk());
  must(complete(id));
  EXPECT_EQ(state(id), JobState::acknowledged);
  EXPECT_TRUE(job(id).options.connect.password.empty());
  EXPECT_TRUE(job(id).options.connect.headers.empty());
  EXPECT_TRUE(file(id).spec.password.empty());
  EXPECT_TRUE(leaves_the_disk());
}

TEST_F(SecretsTest, of_a_cancelled_job_are_forgotten_while_it_ran) {
  const std::string id = must(create(kAlice, secret(), {spec("http://host/a")})).id;
  progress(id, 0, 60);
  must(cancel(id));
  EXPECT_TRUE(job(id).options.connect.password.empty());
  EXPECT_TRUE(leaves_the_disk());
}

TEST_F(SecretsTest, of_a_url_that_is_replaced_leave_the_disk) {
  for (const char* old_url : {"http://host/a?sig=MARKER", "http://me:MARKER@host/a"}) {
    const std::string id = must(create(kAlice, {}, {spec(old_url)}, false)).id;
    ASSERT_TRUE(on_disk()) << old_url;
    must(retarget(id, 0, "http://host/b"));
    EXPECT_TRUE(leaves_the_disk()) << old_url;
  }
}

TEST_F(SecretsTest, of_a_job_that_may_go_on_are_kept) {
  const std::string id = must(create(kAlice, secret(), {spec("http://host/a")})).id;
  fail_transfer(id, 0, ErrorCode::unauthorized);
  EXPECT_EQ(state(id), JobState::error);
  must(resume(id));
  const auto* started = transfers_.running(file_id(id));
  ASSERT_NE(started, nullptr);
  EXPECT_EQ(started->request.target.options->password, "MARKER-password");
}

}  // namespace
}  // namespace larder::agent

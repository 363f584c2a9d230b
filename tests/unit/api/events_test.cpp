#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/api/events/event_hub.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

StoredEvent stored(const std::string& job, std::size_t bytes = 2) {
  return {EventKind::job_state, job, 17, std::string(bytes, 'x')};
}

TEST(EventRing, KeepsTheLatest) {
  EventRing ring(100, 3);
  EXPECT_EQ(ring.next(), 100U);
  EXPECT_TRUE(ring.can_go_on_after(99));
  EXPECT_FALSE(ring.can_go_on_after(98));
  EXPECT_FALSE(ring.can_go_on_after(100));  // not given out yet
  for (const char* job : {"a", "b", "c", "d"}) ring.add(stored(job));
  EXPECT_EQ(ring.oldest(), 101U);
  EXPECT_EQ(ring.next(), 104U);
  EXPECT_EQ(ring.at(101).job, "b");
  EXPECT_EQ(ring.at(103).job, "d");
  EXPECT_TRUE(ring.can_go_on_after(100));
  EXPECT_FALSE(ring.can_go_on_after(99));
  EXPECT_TRUE(ring.can_go_on_after(103));
  EXPECT_FALSE(ring.can_go_on_after(104));
  EXPECT_FALSE(ring.can_go_on_after(UINT64_MAX - 1));
}

TEST(EventRing, BytesAreBoundedButTheNewestStays) {
  EventRing ring(1, 1000, 1000);
  for (int i = 0; i < 100; ++i) ring.add(stored("a", 200));
  EXPECT_LE(ring.next() - ring.oldest(), 5U);
  ring.add(stored("big", 5000));
  EXPECT_EQ(ring.next() - ring.oldest(), 1U);
  EXPECT_EQ(ring.at(ring.oldest()).job, "big");
}

TEST(EventRing, IdsOfALaterRunAreHigher) {
  const WallTime start(std::chrono::seconds(1'700'000'000));
  const std::uint64_t first = EventRing::first_id_of_run(start);
  EXPECT_GT(EventRing::first_id_of_run(start + std::chrono::seconds(1)), first + 1'000'000);
  EXPECT_LT(EventRing::first_id_of_run(WallTime::max()), std::uint64_t{1} << 53U);
  EXPECT_GT(EventRing::first_id_of_run(WallTime{}), 0U);
}

class Hub : public testing::Test {
 protected:
  // What the connection would have written so far; asks for the next piece until nothing comes at once.
  struct Reader {
    std::shared_ptr<BodySource> source;
    std::shared_ptr<std::string> text = std::make_shared<std::string>();
    std::shared_ptr<std::optional<Error>> error = std::make_shared<std::optional<Error>>();
    std::shared_ptr<bool> waiting = std::make_shared<bool>(false);
    void pull() const {
      while (!*waiting && !*error) {
        *waiting = true;
        source->next([t = text, e = error, w = waiting](Result<Buffer> piece) {
          *w = false;
          if (!piece) {
            *e = piece.error();
            return;
          }
          t->append(reinterpret_cast<const char*>(piece->bytes().data()), piece->size());
        });
      }
    }
  };

  Reader watch(EventFilter filter = {}, std::optional<std::uint64_t> after = std::nullopt) {
    Reader reader{hub_.watch(std::move(filter), after)};
    reader.pull();
    return reader;
  }
  void event(EventKind kind, const Job& job, std::optional<unsigned> file = std::nullopt) {
    hub_.add({kind, job.id, job.owner, file, &job});
  }
  std::string fresh(const Reader& reader) {
    loop_.run_ready();
    reader.pull();
    return std::exchange(*reader.text, {});
  }

  larder::test::VirtualLoop loop_;
  EventHub hub_{loop_, loop_, EventRing(100, 50), std::chrono::seconds(15)};
  const Job mine_ = test::sample_job("aaaa", 17);
  const Job other_ = test::sample_job("bbbb", 18);
};

TEST_F(Hub, TellsFromNowOn) {
  event(EventKind::job_created, mine_);
  const Reader reader = watch();
  EXPECT_EQ(fresh(reader), "retry: 1000\nid: 100\n\n");
  event(EventKind::job_state, mine_);
  event(EventKind::file_state, mine_, 1);
  const std::string text = fresh(reader);
  EXPECT_THAT(text, StartsWith("id: 101\nevent: job.state\ndata: {\"id\":\"aaaa\""));
  EXPECT_THAT(text, HasSubstr("\n\nid: 102\nevent: file.state\ndata: {\"job\":\"aaaa\",\"file\":{\"index\":1,"));
  EXPECT_THAT(text, EndsWith("}\n\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"files\":")));
  EXPECT_EQ(fresh(reader), "");
}

TEST_F(Hub, DataIsOfTheTimeOfTheEvent) {
  Job job = mine_;
  job.state = JobState::queued;
  event(EventKind::job_state, job);
  job.state = JobState::connecting;
  EXPECT_THAT(fresh(watch({}, 99)), HasSubstr("\"state\":\"queued\""));
}

TEST_F(Hub, AnEventWithoutItsJobStillNamesIt) {
  hub_.add({EventKind::job_removed, "aaaa", 17, std::nullopt, nullptr});
  EXPECT_THAT(fresh(watch({}, 99)), HasSubstr("event: job.removed\ndata: {\"id\":\"aaaa\"}\n\n"));
}

TEST_F(Hub, ShowsOnlyWhatPasses) {
  const Reader own = watch({17, ""});
  const Reader one = watch({std::nullopt, "bbbb"});
  const Reader both = watch({17, "bbbb"});
  for (const Reader* reader : {&own, &one, &both}) fresh(*reader);
  event(EventKind::job_state, mine_);
  event(EventKind::job_state, other_);
  EXPECT_THAT(fresh(own), testing::AllOf(HasSubstr("aaaa"), Not(HasSubstr("bbbb"))));
  EXPECT_THAT(fresh(one), testing::AllOf(HasSubstr("bbbb"), Not(HasSubstr("aaaa"))));
  EXPECT_EQ(fresh(both), "");
}

TEST_F(Hub, TellsLittleOfFilesWhereThatIsWanted) {
  Job job = mine_;
  EventFilter brief;
  brief.brief = true;
  const Reader reader = watch(brief);
  fresh(reader);
  job.files[1].state = FileState::active;
  event(EventKind::file_state, job, 1);
  EXPECT_EQ(fresh(reader), "") << "that a file is begun with says nothing to who waits for its end";
  job.files[1].state = FileState::transferred;
  job.files[1].size = 10;
  job.files[1].content = "c1";
  job.files[1].verdict.clear();
  event(EventKind::file_state, job, 1);
  event(EventKind::job_state, job);
  const std::string text = fresh(reader);
  EXPECT_THAT(text, HasSubstr("data: {\"job\":\"aaaa\",\"file\":{\"index\":1,\"state\":\"transferred\",\"size\":10,"
                              "\"content\":\"c1\",\"verdict\":null}}\n\n"));
  EXPECT_THAT(text, HasSubstr("event: job.state\ndata: {\"id\":\"aaaa\",\"kind\":\"download\",\"name\""));
}

TEST_F(Hub, ReplaysAfterAnId) {
  for (int i = 0; i < 5; ++i) event(EventKind::job_state, mine_);
  const std::string text = fresh(watch({}, 102));
  EXPECT_THAT(text, StartsWith("retry: 1000\n\nid: 103\n"));
  EXPECT_THAT(text, HasSubstr("id: 104\n"));
  EXPECT_THAT(text, Not(HasSubstr("id: 102\n")));
  EXPECT_THAT(text, Not(HasSubstr("reset")));
}

TEST_F(Hub, SaysResetWhereEventsAreMissing) {
  for (int i = 0; i < 60; ++i) event(EventKind::job_state, mine_);  // the ring holds 50: 110 to 159
  for (const std::uint64_t after : {std::uint64_t{0}, std::uint64_t{108}, std::uint64_t{160}, UINT64_MAX - 1}) {
    const Reader reader = watch({}, after);
    EXPECT_EQ(fresh(reader), "retry: 1000\nid: 159\nevent: reset\ndata: {}\n\n") << after;
  }
  EXPECT_THAT(fresh(watch({}, 109)), testing::AllOf(HasSubstr("id: 110\n"), Not(HasSubstr("reset"))));
}

TEST_F(Hub, ASlowReaderIsCutOff) {
  const Reader reader = watch();
  // Its connection cannot write: nobody asks for the next piece.
  event(EventKind::job_state, mine_);
  loop_.run_ready();
  for (int i = 0; i < 51; ++i) event(EventKind::job_state, mine_);
  loop_.run_ready();
  reader.pull();
  ASSERT_TRUE(*reader.error);
  EXPECT_EQ((*reader.error)->code, ErrorCode::limit_exceeded);
}

TEST_F(Hub, BeatsWhileThereIsAWatcher) {
  EXPECT_EQ(loop_.timers(), 0U);
  {
    const Reader reader = watch();
    fresh(reader);
    loop_.advance(std::chrono::seconds(15));
    EXPECT_EQ(fresh(reader), ": \n\n");
    loop_.advance(std::chrono::seconds(30));
    EXPECT_THAT(fresh(reader), HasSubstr(": \n\n"));
    reader.source->cancel();
  }
  loop_.advance(std::chrono::seconds(15));
  EXPECT_EQ(loop_.timers(), 0U);
  event(EventKind::job_state, mine_);  // nobody is left to tell
  loop_.run_ready();
}

}  // namespace
}  // namespace larder::agent

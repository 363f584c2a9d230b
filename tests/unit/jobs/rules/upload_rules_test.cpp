#include "agent/jobs/rules/upload_rules.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

Job upload_job(JobState state = JobState::transferring) {
  Job job;
  job.id = "j";
  job.state = state;
  job.options.upload.emplace();
  job.files.emplace_back();
  job.files[0].spec.url = "https://h/in/";
  job.files[0].upload = UploadFacts{"a", "j.0", {1, 2, 3, 4, 5}};
  return job;
}

TEST(upload_rules, what_is_of_downloads_alone_is_refused_in_every_state) {
  for (const JobState state : kAllJobStates) {
    for (const JobEvent event : {JobEvent::add_files, JobEvent::verdict, JobEvent::retarget})
      EXPECT_FALSE(check_upload_event(upload_job(state), event)) << job_state_name(state);
    for (const JobEvent event : {JobEvent::resume, JobEvent::suspend, JobEvent::cancel, JobEvent::change})
      EXPECT_TRUE(check_upload_event(upload_job(state), event)) << job_state_name(state);
  }
}

TEST(upload_rules, an_upload_is_completed_once_the_server_has_it) {
  for (const JobState state : kAllJobStates) {
    const bool may = state == JobState::transferred || is_final(state);
    EXPECT_EQ(check_upload_event(upload_job(state), JobEvent::complete).has_value(), may) << job_state_name(state);
  }
}

TEST(upload_rules, transactions_are_short_and_visible) {
  const auto fits = [](const std::string& id) {
    UploadOptions options;
    options.transaction = id;
    return check_upload_options(options).has_value();
  };
  EXPECT_TRUE(fits(""));
  EXPECT_TRUE(fits("nightly-2026.11/7!"));
  EXPECT_TRUE(fits(std::string(120, 'x')));
  EXPECT_FALSE(fits(std::string(121, 'x')));
  for (const char* id : {"a b", "a\"b", "a\\b", "a\n", "\x7f", "\xc3\xa4"}) EXPECT_FALSE(fits(id)) << id;
}

TEST(upload_rules, only_bits_has_replies) {
  UploadOptions options;
  options.reply = true;
  EXPECT_FALSE(check_upload_options(options));
  options.protocol = origin::ProtocolWish::bits;
  EXPECT_TRUE(check_upload_options(options));
}

TEST(upload_rules, names_are_utf8_without_controls) {
  EXPECT_TRUE(check_upload_name("Bericht \xc3\xa4.pdf"));
  EXPECT_TRUE(check_upload_name(std::string(1024, 'x')));
  EXPECT_FALSE(check_upload_name(std::string(1025, 'x')));
  for (const char* path : {".", "..", "a/b", "/"}) EXPECT_FALSE(check_upload_name(path)) << path;
  EXPECT_FALSE(check_upload_name("a\nb"));
  EXPECT_FALSE(check_upload_name("\xff"));
}

TEST(upload_rules, the_key_is_the_transaction_or_the_file) {
  UploadOptions options;
  EXPECT_EQ(upload_key(options, "j.3", 3, 5), "j.3");
  options.transaction = "t";
  EXPECT_EQ(upload_key(options, "j.0", 0, 1), "t");
  EXPECT_EQ(upload_key(options, "j.3", 3, 5), "t.3");
  EXPECT_TRUE(is_key_in_url("t", "/in/builds/t/a"));
  EXPECT_FALSE(is_key_in_url("t", "/in/builds/tt/a"));
  EXPECT_FALSE(is_key_in_url("t", "/in/builds/t"));
}

TEST(upload_rules, another_digest_or_wish_is_another_upload) {
  Job job = upload_job();
  const origin::SourceIdentity source{1, 2, 3, 4, 5};
  for (const std::string& transaction : {std::string(), std::string("t")}) {
    job.options.upload->transaction = transaction;
    UploadOptions wanted;
    wanted.transaction = transaction;
    FileSpec spec;
    spec.url = "https://h/in/";
    const Repeat differs = transaction.empty() ? Repeat::other : Repeat::conflict;
    EXPECT_EQ(compare_upload(job, job.files[0], wanted, spec, "a", source), Repeat::same);
    spec.sha256.emplace();
    EXPECT_EQ(compare_upload(job, job.files[0], wanted, spec, "a", source), differs);
    spec.sha256.reset();
    wanted.overwrite = true;
    EXPECT_EQ(compare_upload(job, job.files[0], wanted, spec, "a", source), differs);
    wanted.overwrite = false;
    wanted.protocol = origin::ProtocolWish::put;
    EXPECT_EQ(compare_upload(job, job.files[0], wanted, spec, "a", source), differs);
  }
}

TEST(upload_rules, a_repeat_is_told_by_place_file_and_transaction) {
  Job job = upload_job();
  const File& file = job.files[0];
  const origin::SourceIdentity same{1, 2, 3, 4, 5}, other{1, 2, 3, 4, 6};
  const auto compare = [&](const std::string& url, const std::string& name, const origin::SourceIdentity& source,
                           const std::string& transaction = "") {
    UploadOptions options;
    options.transaction = transaction;
    FileSpec spec;
    spec.url = url;
    return compare_upload(job, file, options, spec, name, source);
  };
  EXPECT_EQ(compare("https://h/in/", "a", same), Repeat::same);
  EXPECT_EQ(compare("https://h/in/", "a", other), Repeat::other);
  EXPECT_EQ(compare("https://h/in/", "b", same), Repeat::other);
  EXPECT_EQ(compare("https://h/out/", "a", same), Repeat::other);
  EXPECT_EQ(compare("https://h/in/", "a", same, "t"), Repeat::other);
  job.options.upload->transaction = "t";
  EXPECT_EQ(compare("https://h/in/", "a", same), Repeat::other);
  EXPECT_EQ(compare("https://h/in/", "a", same, "t"), Repeat::same);
  EXPECT_EQ(compare("https://h/in/", "a", other, "t"), Repeat::conflict);
  EXPECT_EQ(compare("https://h/in/", "b", same, "t"), Repeat::conflict);
  EXPECT_EQ(compare("https://h/out/", "a", other, "t"), Repeat::other);
}

}  // namespace
}  // namespace larder::agent

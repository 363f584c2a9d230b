// The judge with real hooks: small scripts in a directory of the test's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "agent/verdict/verdict.h"
#include "base/io/file_system.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/verdict/vectors.h"

namespace larder::test {
namespace {

using agent::Facts;
using agent::Hook;
using agent::Judgement;
using agent::Verdict;
using agent::VerdictPolicy;

class FileLease final : public cache::ContentLease {
 public:
  explicit FileLease(std::unique_ptr<File> file) : file_(std::move(file)) {}
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }
  [[nodiscard]] File& file() override { return *file_; }

 private:
  std::unique_ptr<File> file_;
};

class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() { content(kMessage); }

  void content(const std::string& text) {
    write_file(directory_ / "content", text);
    auto file = files_->open(directory_ / "content", OpenMode::read);
    ASSERT_TRUE(file);
    lease_ = std::make_shared<FileLease>(std::move(*file));
    facts_.url = "http://h/x";
    facts_.size = text.size();
    facts_.source = "origin";
    facts_.job_id = "0123456789abcdef";
    facts_.file_id = "0123456789abcdef.0";
  }

  std::string script(const std::string& name, const std::string& body) {
    const std::string path = directory_ / name;
    write_file(path, "#!/bin/sh\n" + body + "\n");
    EXPECT_EQ(::chmod(path.c_str(), 0700), 0);
    return path;
  }

  void hook(const std::string& body, Duration timeout = std::chrono::seconds(20)) {
    judge_->set_hooks({Hook{"hook", {script("hook", body)}, timeout}});
  }

  Result<Judgement> ask(VerdictPolicy policy) {
    std::optional<Result<Judgement>> answer;
    judge_->judge(std::move(policy), facts_, lease_, [&](Result<Judgement> judgement) { answer = judgement; });
    EXPECT_FALSE(answer) << "not within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer ? *answer : fail(ErrorCode::internal, "judge", "no answer");
  }

  Result<Judgement> ask_hook() {
    VerdictPolicy policy;
    policy.hook = "hook";
    return ask(policy);
  }

  // For what only the file system shows.
  bool eventually(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000; ++i) {
      if (loop_.wait_for(done, std::chrono::milliseconds(2))) return true;
    }
    return false;
  }

  TempDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  VirtualLoop loop_;
  WorkerPool disk_{"disk", 1, 64};
  std::unique_ptr<agent::Judge> judge_ = agent::make_judge(loop_.runtime(), disk_);
  std::shared_ptr<cache::ContentLease> lease_;
  Facts facts_;
};

TEST_F(JudgeTest, NothingAskedIsValidAndAnAppIsWaitedFor) {
  EXPECT_EQ(ask({})->verdict, Verdict::valid);
  VerdictPolicy app;
  app.app = true;
  EXPECT_EQ(ask(app)->verdict, Verdict::wait_for_app);
}

TEST_F(JudgeTest, ADigestComesFirst) {
  hook("touch " + (directory_ / "ran"));
  facts_.sha256 = sha256(as_bytes("this"));
  facts_.wanted_sha256 = sha256(as_bytes("that"));
  const auto judgement = ask_hook();
  ASSERT_TRUE(judgement);
  EXPECT_EQ(judgement->verdict, Verdict::not_valid);
  EXPECT_EQ(judgement->reason.code, ErrorCode::digest_mismatch);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "ran")) << "the hook is not asked any more";
}

TEST_F(JudgeTest, ASignatureIsCheckedOverTheContent) {
  VerdictPolicy policy;
  policy.minisign_public_key = kKey;
  for (const std::string& signature : {kPrehashed, kLegacy}) {
    policy.minisign_signature = signature;
    content(kMessage);
    EXPECT_EQ(ask(policy)->verdict, Verdict::valid);
    content(kMessage + "!");
    const auto judgement = ask(policy);
    ASSERT_TRUE(judgement);
    EXPECT_EQ(judgement->verdict, Verdict::not_valid);
    EXPECT_EQ(judgement->reason.code, ErrorCode::signature_invalid);
  }
}

TEST_F(JudgeTest, AMissingSignatureIsNotValid) {
  VerdictPolicy policy;
  policy.minisign_public_key = kKey;
  const auto judgement = ask(policy);
  ASSERT_TRUE(judgement);
  EXPECT_EQ(judgement->verdict, Verdict::not_valid);
}

TEST_F(JudgeTest, AContentThatCannotBeReadIsNoVerdict) {
  VerdictPolicy policy;
  policy.minisign_public_key = kKey;
  policy.minisign_signature = kPrehashed;
  facts_.size += 10;  // the file is shorter than its record
  const auto judgement = ask(policy);
  ASSERT_FALSE(judgement);
  EXPECT_EQ(judgement.error().code, ErrorCode::content_damaged);
}

TEST_F(JudgeTest, TheHookReadsTheContentFromItsStart) {
  char first = 0;
  ASSERT_EQ(::read(lease_->descriptor(), &first, 1), 1);  // the lease's own offset does not matter
  hook(
      "[ \"$(cat)\" = \"Larder judges what it fetches.\" ] && [ \"$(cat <&3)\" = \"Larder judges what it fetches.\" ]");
  const auto judgement = ask_hook();
  ASSERT_TRUE(judgement) << judgement.error().text();
  EXPECT_EQ(judgement->verdict, Verdict::valid);
  char second = 0;
  EXPECT_EQ(::read(lease_->descriptor(), &second, 1), 1);
  EXPECT_EQ(second, kMessage[1]) << "nor did the hook move it";
}

TEST_F(JudgeTest, TheHookCannotWriteToTheContent) {
  hook("if (echo x >&0) 2>/dev/null; then exit 0; else echo 'read only'; exit 1; fi");
  const auto judgement = ask_hook();
  ASSERT_TRUE(judgement) << judgement.error().text();
  EXPECT_EQ(judgement->verdict, Verdict::not_valid);
  EXPECT_EQ(read_file(directory_ / "content"), kMessage);
}

TEST_F(JudgeTest, NotValidHasTheHooksReason) {
  hook("echo 'contains a virus'; exit 1");
  const auto judgement = ask_hook();
  ASSERT_TRUE(judgement);
  EXPECT_EQ(judgement->verdict, Verdict::not_valid);
  EXPECT_EQ(judgement->reason.code, ErrorCode::validation_failed);
  EXPECT_NE(judgement->reason.text().find("contains a virus"), std::string::npos);
}

TEST_F(JudgeTest, AnyOtherEndIsAnErrorOfTheHook) {
  for (const char* body : {"echo broken >&2; exit 2", "kill -SEGV $$", "exit 255"}) {
    hook(body);
    const auto judgement = ask_hook();
    ASSERT_FALSE(judgement) << body;
    EXPECT_EQ(judgement.error().code, ErrorCode::hook_failed);
  }
  hook("echo broken >&2; exit 2");
  EXPECT_NE(ask_hook().error().text().find("broken"), std::string::npos);
}

TEST_F(JudgeTest, AMissingProgramOrHookIsAnErrorThatNamesIt) {
  judge_->set_hooks({Hook{"hook", {directory_ / "nowhere"}, std::chrono::seconds(1)}});
  EXPECT_TRUE(judge_->has_hook("hook"));
  const auto missing = ask_hook();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::hook_failed);
  EXPECT_NE(missing.error().text().find("nowhere"), std::string::npos);
  judge_->set_hooks({});
  EXPECT_FALSE(judge_->has_hook("hook"));
  const auto unknown = ask_hook();
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().text().find("configured"), std::string::npos);
}

TEST_F(JudgeTest, ATimeLimitEndsTheWholeGroup) {
  const std::string pid = directory_ / "pid";
  hook("sleep 1000 & echo $! > " + pid + "; echo scanning; wait", std::chrono::milliseconds(300));
  const auto judgement = ask_hook();
  ASSERT_FALSE(judgement);
  EXPECT_EQ(judgement.error().code, ErrorCode::hook_failed);
  EXPECT_NE(judgement.error().text().find("longer than"), std::string::npos);
  EXPECT_NE(judgement.error().text().find("scanning"), std::string::npos);
  const pid_t child = std::stoi(read_file(pid));
  const auto dead = [child] {
    if (::kill(child, 0) != 0) return true;
    return read_file("/proc/" + std::to_string(child) + "/stat").find(") Z ") != std::string::npos;
  };
  EXPECT_TRUE(eventually(dead)) << "its child is killed too";
}

TEST_F(JudgeTest, HugeOutputNeitherBlocksNorIsKept) {
  hook("echo first; head -c 5000000 /dev/zero | tr '\\0' x; exit 1");
  const auto judgement = ask_hook();
  ASSERT_TRUE(judgement) << judgement.error().text();
  EXPECT_NE(judgement->reason.text().find("first"), std::string::npos);
  EXPECT_LT(judgement->reason.text().size(), 1000U);
}

TEST_F(JudgeTest, TheHookInheritsNothing) {
  const int leaked = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  ::setenv("LARDER_TEST_SECRET", "1", 1);
  hook("env > " + (directory_ / "env") + "; ls -l /proc/$$/fd > " + (directory_ / "fds") + "; pwd > " +
       (directory_ / "pwd"));
  const auto judgement = ask_hook();
  ::unsetenv("LARDER_TEST_SECRET");
  ::close(leaked);
  ASSERT_TRUE(judgement) << judgement.error().text();
  const std::string env = read_file(directory_ / "env");
  EXPECT_EQ(env.find("LARDER_TEST_SECRET"), std::string::npos);
  EXPECT_EQ(env.find("HOME="), std::string::npos);
  EXPECT_NE(env.find("LARDER_URL=http://h/x"), std::string::npos);
  EXPECT_EQ(read_file(directory_ / "pwd"), "/\n");
  const std::string fds = read_file(directory_ / "fds");
  EXPECT_NE(fds.find("/content"), std::string::npos) << fds;
  EXPECT_EQ(fds.find("/dev/null"), std::string::npos) << "the leaked descriptor is there: " << fds;
}

TEST_F(JudgeTest, AtMostFourHooksOfOneUserRunAtOnce) {
  const std::string runs = directory_ / "runs";
  std::filesystem::create_directory(runs);
  const std::string go = directory_ / "go";
  hook("touch " + runs + "/$$; while [ ! -e " + go + " ]; do sleep 0.02; done");
  unsigned ended = 0;
  VerdictPolicy policy;
  policy.hook = "hook";
  for (int i = 0; i < 9; ++i) {
    judge_->judge(policy, facts_, lease_, [&](const Result<Judgement>& judgement) {
      EXPECT_TRUE(judgement);
      ++ended;
    });
  }
  const auto running = [&] {
    return static_cast<unsigned>(
        std::distance(std::filesystem::directory_iterator(runs), std::filesystem::directory_iterator()));
  };
  EXPECT_TRUE(eventually([&] { return running() == 4; }));
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(loop_.wait_for([&] { return running() > 4; }, std::chrono::milliseconds(2)));
  // Another user's does not wait for these.
  Facts of_other = facts_;
  of_other.want = {7, 0};
  judge_->judge(policy, of_other, lease_, [&](const Result<Judgement>&) { ++ended; });
  EXPECT_TRUE(eventually([&] { return running() == 5; }));
  write_file(go, "");
  EXPECT_TRUE(loop_.wait_for([&] { return ended == 10; }));
}

TEST_F(JudgeTest, DestroyingTheJudgeKillsWhatRunsAndCallsNobody) {
  const std::string pid = directory_ / "pid";
  hook("echo $$ > " + pid + ".new; mv " + pid + ".new " + pid + "; exec sleep 1000");
  bool called = false;
  VerdictPolicy policy;
  policy.hook = "hook";
  judge_->judge(policy, facts_, lease_, [&](const Result<Judgement>&) { called = true; });
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(pid); }));
  const pid_t child = std::stoi(read_file(pid));
  judge_.reset();
  loop_.run_ready();
  EXPECT_FALSE(called);
  EXPECT_NE(::kill(child, 0), 0);
}

TEST_F(JudgeTest, AllPartsMustSayValid) {
  hook("exit 0");
  VerdictPolicy policy;
  policy.minisign_public_key = kKey;
  policy.minisign_signature = kPrehashed;
  policy.hook = "hook";
  policy.app = true;
  EXPECT_EQ(ask(policy)->verdict, Verdict::wait_for_app);
  hook("exit 1");
  EXPECT_EQ(ask(policy)->verdict, Verdict::not_valid);
}

}  // namespace
}  // namespace larder::test

// Installs signed files, as packaging/python/examples/updater.py does: updater PUBLIC_KEY.pem DIRECTORY URL...
//
// Beside each URL its Ed25519 signature is fetched, URL.sig. What the key did not sign is judged not valid: the agent
// hands it to nobody else, and this program gives up. It may be run again at any time: the job goes on where it was.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "client/agent_access.h"
#include "client/job_follower.h"
#include "client/requests.h"

namespace {

using namespace larder;
using namespace larder::agent;
namespace fs = std::filesystem;

// What the agent answers, or the end of the program.
template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::cerr << "updater: " << result.error().text() << '\n';
  std::exit(1);
}

void must(const Status& status) {
  if (status) return;
  std::cerr << "updater: " << status.error().text() << '\n';
  std::exit(1);
}

// The last name of the URL, which has neither query nor fragment here.
fs::path path_of(const JobView& job, unsigned first, const fs::path& directory) {
  const std::string& url = job.files[first].url;
  return directory / url.substr(url.rfind('/') + 1);
}

bool succeeds(std::vector<std::string> command) {
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const bool started = ::posix_spawn(&child, words[0], &files, nullptr, words.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  return started && ::waitpid(child, &status, 0) == child && status == 0;
}

// Copies a content and its signature; what is looked at is what will be installed.
bool is_signed(Client& agent, const JobView& job, unsigned first, const std::string& key, const fs::path& directory) {
  const std::string name = path_of(job, first, directory).string();
  const Answer answer =
      must(agent.call("POST", "/v1/jobs/" + job.id + "/descriptors", indices_body({first, first + 1})));
  if (answer.descriptors.size() != 2) return false;
  for (int i = 0; i < 2; ++i) {
    const fs::path content = "/proc/self/fd/" + std::to_string(answer.descriptors[static_cast<std::size_t>(i)].get());
    fs::copy_file(content, name + (i == 0 ? ".new" : ".sig"), fs::copy_options::overwrite_existing);
  }
  const bool good = succeeds({"/usr/bin/openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in",
                              name + ".new", "-sigfile", name + ".sig"});
  fs::remove(name + ".sig");
  if (!good) fs::remove(name + ".new");
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "updater PUBLIC_KEY.pem DIRECTORY URL...\n";
    return 2;
  }
  const std::string key = argv[1];
  const fs::path directory = argv[2];
  JobRequest wanted;
  wanted.name = "update of " + directory.string();
  wanted.app_verdict = true;
  for (int i = 3; i < argc; ++i)
    for (const char* end : {"", ".sig"}) wanted.files.emplace_back().url = std::string(argv[i]) + end;

  AgentAccess access("", read_environment());
  Client& agent = *must(access.client());
  const std::string id = must(parse_job(must(agent.call("POST", "/v1/jobs?once=1", job_body(wanted))).body)).id;
  JobFollower follower(agent, id);
  must(follower.open());
  std::set<unsigned> checked;
  while (true) {
    const JobView job = follower.job();
    for (unsigned first = 0; first + 1 < job.files.size(); first += 2) {
      if (job.files[first].state != "validating" || job.files[first + 1].state != "validating") continue;
      const bool valid = is_signed(agent, job, first, key, directory);
      if (valid) checked.insert(first);
      for (const unsigned index : {first, first + 1})
        must(agent.call("POST", "/v1/jobs/" + id + "/files/" + std::to_string(index) + "/verdict",
                        verdict_body(valid, valid ? "" : "not signed by the key")));
      must(follower.refresh());
    }
    if (has_ended(follower.job().state)) break;
    must(follower.take([](const FileView&) {}));
  }
  const JobView job = follower.job();
  if (job.state != "transferred") {
    must(agent.call("POST", "/v1/jobs/" + id + "/cancel"));
    for (const unsigned first : checked)
      fs::remove(path_of(job, first, directory).string() + ".new");  // all or nothing
    std::cerr << "updater: " << (job.error ? job.error->text() : job.state) << '\n';
    return 1;
  }
  for (unsigned first = 0; first + 1 < job.files.size(); first += 2) {
    const std::string name = path_of(job, first, directory).string();
    if (checked.count(first) == 0 && !is_signed(agent, job, first, key, directory))
      continue;  // judged by an earlier run
    fs::rename(name + ".new", name);
    std::cout << "installed " << name << '\n';
  }
  must(agent.call("POST", "/v1/jobs/" + id + "/complete"));
  return 0;
}

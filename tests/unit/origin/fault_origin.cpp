#include "tests/unit/origin/fault_origin.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace larder::test {
namespace {

// The value of a member of the one line of JSON that it prints.
std::string member(const std::string& line, const std::string& name) {
  const std::size_t at = line.find("\"" + name + "\": ");
  if (at == std::string::npos) return {};
  const std::size_t start = line.find_first_not_of("\"", at + name.size() + 4);
  return line.substr(start, line.find_first_of("\",}", start) - start);
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

FaultOrigin::FaultOrigin(std::vector<std::string> options) {
  std::array<int, 2> to_child{}, from_child{};
  if (pipe2(to_child.data(), O_CLOEXEC) != 0 || pipe2(from_child.data(), O_CLOEXEC) != 0) give_up("pipe2");
  std::vector<std::string> words = {"python3", FAULT_ORIGIN};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_child[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from_child[1], 1);
  if (posix_spawnp(&pid_, "python3", &actions, nullptr, argv.data(), environ) != 0) give_up("python3");
  posix_spawn_file_actions_destroy(&actions);
  close(to_child[0]);
  close(from_child[1]);
  stdin_ = to_child[1];
  std::string line;
  char c = 0;
  while (read(from_child[0], &c, 1) == 1 && c != '\n') line += c;
  close(from_child[0]);
  base_ = member(line, "url");
  port_ = static_cast<std::uint16_t>(std::atoi(member(line, "port").c_str()));
  if (port_ == 0) give_up("fault_origin.py did not start");
}

FaultOrigin::~FaultOrigin() {
  close(stdin_);
  kill(pid_, SIGKILL);  // not waiting for its threads
  waitpid(pid_, nullptr, 0);
}

std::string FaultOrigin::url(const std::string& path) const {
  return base_ + path;
}

std::string FaultOrigin::content(const std::string& seed, std::uint64_t offset, std::uint64_t length) {
  constexpr std::uint64_t kBlock = 16 * 1024;
  std::string out;
  std::uint64_t position = offset / kBlock * kBlock;
  while (position < offset + length) {
    const Digest digest = sha256(as_bytes(seed + ":" + std::to_string(position / kBlock)));
    const std::string_view piece(reinterpret_cast<const char*>(digest.data()), digest.size());
    for (std::uint64_t i = 0; i < kBlock; i += piece.size()) out += piece;
    position += kBlock;
  }
  return out.substr(static_cast<std::size_t>(offset % kBlock), static_cast<std::size_t>(length));
}

}  // namespace larder::test

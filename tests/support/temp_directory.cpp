#include "tests/support/temp_directory.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace larder::test {
namespace {

[[noreturn]] void die(const char* what, const std::string& path) {
  std::perror((std::string("test support: cannot ") + what + " " + path).c_str());
  std::abort();
}

}  // namespace

TempDirectory::TempDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "larder-test-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) die("make", path_);
}

TempDirectory::~TempDirectory() {
  // A test may have taken rights away to see what happens.
  std::error_code ignored;
  for (auto at = std::filesystem::recursive_directory_iterator(path_, ignored);
       at != std::filesystem::recursive_directory_iterator(); at.increment(ignored)) {
    if (at->is_directory(ignored)) {
      std::filesystem::permissions(at->path(), std::filesystem::perms::owner_all, ignored);
    }
  }
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDirectory::operator/(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) die("open", path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out.flush()) die("write", path);
}

}  // namespace larder::test

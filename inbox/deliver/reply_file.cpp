#include "inbox/deliver/reply_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/io/log.h"
#include "base/io/unique_fd.h"
#include "base/text/units.h"

namespace larder::inbox {
namespace {

Result<std::string> read_all(int from, std::size_t size, std::size_t most, const std::string& doing) {
  std::string text;
  // One byte more than there is: a file that grows meanwhile is seen.
  text.resize(size + 1);
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(from, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::disk_error, doing, std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    if (have == text.size() && have <= most) text.resize(have * 2);
  }
  if (have > most) return fail(ErrorCode::too_large, doing, fmt::format("it has more than {}", format_bytes(most)));
  text.resize(have);
  return text;
}

}  // namespace

Result<std::optional<std::string>> take_reply_file(const std::string& path, std::size_t most) {
  const std::string doing = "read the application's reply " + path;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file && errno == ENOENT) return std::optional<std::string>();
  if (!file) return fail(ErrorCode::disk_error, doing, std::strerror(errno));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fail(ErrorCode::disk_error, doing, std::strerror(errno));
  if (!S_ISREG(facts.st_mode) || facts.st_nlink > 1)
    return fail(ErrorCode::invalid_argument, doing, "it is no plain file, or has another name as well");
  if (static_cast<std::uint64_t>(facts.st_size) > most)
    return fail(ErrorCode::too_large, doing, fmt::format("it has more than {}", format_bytes(most)));
  auto text = read_all(file.get(), static_cast<std::size_t>(facts.st_size), most, doing);
  if (!text) return tl::unexpected<Error>(text.error());
  if (text->empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(*text));
}

void add_reply(AttemptEnd& end, Result<std::optional<std::string>> reply) {
  if (reply) {
    if (*reply) end.reply = std::move(*reply);
    return;
  }
  log::warn("a reply of an application is lost: {}", reply.error().text());
  end.result += fmt::format("{}(its reply is lost: {})", end.result.empty() ? "" : " ", reply.error().text());
}

}  // namespace larder::inbox

#include "agent/cli/place/streamed_content.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "agent/cli/place/write_error.h"
#include "base/io/write_all.h"

namespace larder::agent {
namespace {

Status write_piece(int to, std::string_view bytes, std::uint64_t at, const std::string& where) {
  const int error = write_all_at(to, as_bytes(bytes), at);
  if (error == 0) return {};
  return tl::unexpected(error_of_write(error, "write " + where));
}

}  // namespace

bool stream_goes_round(const Error& error) {
  return error.code == ErrorCode::busy || error.code == ErrorCode::limit_exceeded;
}

Status receive_content(Client& client, const std::string& job_id, unsigned index, std::uint64_t size, int to,
                       std::uint64_t at, const std::string& where) {
  auto stream = client.stream(fmt::format("/v1/jobs/{}/files/{}/content", job_id, index));
  if (!stream) return tl::unexpected(stream.error());
  std::uint64_t received = 0;
  Status written;
  const auto sink = [&](std::string_view piece) {
    if (written && received + piece.size() <= size) written = write_piece(to, piece, at + received, where);
    received += piece.size();
  };
  for (;;) {
    const auto more = (*stream)->read(sink);
    if (!more) return tl::unexpected(more.error());
    if (!written) return written;
    if (!*more) break;
  }
  if (received == size) return {};
  return fail(ErrorCode::agent_answer_invalid, "receive a file from the agent",
              fmt::format("it sent {} bytes of {}", received, size));
}

Result<UniqueFd> spool_content(Client& client, const std::string& job_id, unsigned index, std::uint64_t size) {
  const char* directory = std::getenv("TMPDIR");
  const std::string where = directory != nullptr && *directory == '/' ? directory : "/tmp";
  UniqueFd file(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return tl::unexpected(error_of_write(errno, "write " + where));
  if (auto received = receive_content(client, job_id, index, size, file.get(), 0, where); !received)
    return tl::unexpected(received.error());
  return file;
}

}  // namespace larder::agent

#include "client/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/version.h"
#include "client/older_agent.h"
#include "client/views.h"

namespace larder::agent {
namespace {

Error lost(std::string detail) {
  return Error{ErrorCode::agent_unreachable, "talk to the agent", std::move(detail)};
}

Status send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // The agent may refuse a large body before it has read all of it: its answer tells more than EPIPE.
    if (sent < 0 && errno == EPIPE) return {};
    if (sent < 0) return tl::unexpected(lost(std::strerror(errno)));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Sends the first byte with the descriptors: they arrive before anything that is read behind it. Returns the bytes
// sent.
Result<std::size_t> send_descriptors(int fd, std::string_view bytes, std::span<const int> descriptors) {
  if (descriptors.empty() || bytes.empty()) return 0;
  if (descriptors.size() > Client::kMaxSentDescriptors)
    return fail(ErrorCode::limit_exceeded, "hand files to the agent",
                fmt::format("{} at most go with one request", Client::kMaxSentDescriptors));
  char first = bytes.front();
  iovec piece{&first, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * Client::kMaxSentDescriptors)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent != 1) return tl::unexpected(lost(sent < 0 ? std::strerror(errno) : "it takes no bytes"));
  return 1;
}

void take_descriptors(msghdr& message, std::vector<UniqueFd>* into) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      UniqueFd owned(fd);  // closed here if it is not kept
      if (into != nullptr && into->size() < Client::kMaxDescriptors) into->push_back(std::move(owned));
    }
  }
}

// Returns the next bytes, and the descriptors that came with them; empty at the end of the connection. The bytes are in
// `buffer`, which is allocated here without zeroing: most answers use one of its sixteen pages.
Result<std::string_view> receive(int fd, std::unique_ptr<char[]>& buffer, std::vector<UniqueFd>* descriptors) {
  constexpr std::size_t kPiece = 64 * 1024;
  if (!buffer) buffer.reset(new char[kPiece]);
  iovec piece{buffer.get(), kPiece};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * Client::kMaxDescriptors)];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = 0;
  do {
    size = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    const bool slow = errno == EAGAIN || errno == EWOULDBLOCK;
    return tl::unexpected(lost(slow ? "it does not answer" : std::strerror(errno)));
  }
  take_descriptors(message, descriptors);
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    return tl::unexpected(Error{ErrorCode::limit_exceeded, "receive files from the agent",
                                "too many open files in this process; raise `ulimit -n`"});
  return std::string_view(buffer.get(), static_cast<std::size_t>(size));
}

std::string request_text(std::string_view method, const std::string& target, const std::string& body) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: larder\r\n", method, target);
  if (!body.empty() || method == "POST" || method == "PATCH")
    text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  return text + "\r\n" + body;
}

}  // namespace

Result<UniqueFd> connect_unix(const std::string& path, const ServerWords& words) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string doing = fmt::format("reach {} at {}", words.name, path);
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return fail(ErrorCode::invalid_argument, doing, "the path of the socket is empty or too long (107 bytes at most)");
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(ErrorCode::agent_unreachable, doing, std::strerror(errno));
  const timeval patience{Client::kPatience.count(), 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  switch (errno) {
    case ENOENT:
      return fail(ErrorCode::agent_unreachable, doing, fmt::format("{}; {}", words.nobody, words.advice));
    case ECONNREFUSED:
      return fail(ErrorCode::agent_unreachable, doing, fmt::format("nobody listens there any more; {}", words.advice));
    case EACCES:
      return fail(ErrorCode::agent_unreachable, doing, "permission denied; ask the admin for access to it");
    default:
      return fail(ErrorCode::agent_unreachable, doing, std::strerror(errno));
  }
}

namespace {

std::optional<ucred> peer_of(int connection) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials;
}

}  // namespace

std::optional<uid_t> peer_user(int connection) {
  const auto peer = peer_of(connection);
  return peer ? std::optional(peer->uid) : std::nullopt;
}

std::optional<pid_t> peer_process(int connection) {
  const auto peer = peer_of(connection);
  return peer ? std::optional(peer->pid) : std::nullopt;
}

Result<UniqueFd> Client::connect() const {
  auto connection = connect_unix(socket_path_, words_);
  if (!connection || !only_ || peer_user(connection->get()) == *only_) return connection;
  return fail(ErrorCode::permission_denied, fmt::format("trust the agent at {}", socket_path_),
              "another user runs it; remove the socket or name the agent to use with --socket");
}

AnswerStream::AnswerStream(UniqueFd connection, ResponseReader reader, std::string pending)
    : connection_(std::move(connection)), reader_(std::move(reader)), pending_(std::move(pending)) {}

Result<bool> AnswerStream::read(const ResponseReader::Sink& sink) {
  if (reader_.done()) return false;
  std::string_view piece = pending_;
  if (pending_.empty()) {
    const auto received = receive(connection_.get(), buffer_, nullptr);
    if (!received) return tl::unexpected(received.error());
    if (received->empty()) {
      if (auto ended = reader_.end_input(); !ended) return tl::unexpected(ended.error());
      return false;
    }
    piece = *received;
  }
  const auto used = reader_.feed(piece, sink);
  pending_.clear();
  if (!used) return tl::unexpected(used.error());
  return !reader_.done();
}

bool Client::reach() {
  if (connection_.valid()) return true;
  auto opened = connect();
  if (opened) connection_ = std::move(*opened);
  return opened.has_value();
}

Result<Answer> Client::exchange_once(std::string_view request, std::span<const int> descriptors, bool& nothing_came) {
  nothing_came = true;
  if (!connection_) {
    auto opened = connect();
    if (!opened) return tl::unexpected(opened.error());
    connection_ = std::move(*opened);
  }
  const auto with_descriptors = send_descriptors(connection_.get(), request, descriptors);
  if (!with_descriptors) return tl::unexpected(with_descriptors.error());
  request.remove_prefix(*with_descriptors);
  if (auto sent = send_all(connection_.get(), request); !sent) return tl::unexpected(sent.error());
  Answer answer;
  ResponseReader reader;
  bool too_large = false;
  std::unique_ptr<char[]> buffer;
  while (!reader.done()) {
    const auto received = receive(connection_.get(), buffer, &answer.descriptors);
    if (!received) return tl::unexpected(received.error());
    if (received->empty()) {
      if (nothing_came) return tl::unexpected(lost("it closed the connection"));
      if (auto ended = reader.end_input(); !ended) return tl::unexpected(ended.error());
      break;
    }
    nothing_came = false;
    const auto used = reader.feed(*received, [&](std::string_view piece) {
      too_large = too_large || answer.body.size() + piece.size() > kMaxBody;
      if (!too_large) answer.body.append(piece);
    });
    if (!used) return tl::unexpected(used.error());
    if (too_large || *used != received->size())
      return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", "it is longer than it may be");
  }
  answer.status = reader.head().status;
  answer.head = reader.head();
  if (!reader.keep_alive()) connection_.reset();
  return answer;
}

Result<Answer> Client::exchange(std::string_view method, const std::string& target, const std::string& body) {
  return exchange_text(request_text(method, target, body), {});
}

Result<Answer> Client::create_upload(const std::string& body, std::span<const int> descriptors) {
  auto answer = exchange_text(request_text("POST", "/v1/uploads", body), descriptors);
  if (!answer || answer->status < 400) return answer;
  return tl::unexpected(told_as_older(error_from_answer(answer->status, answer->body), kVersion));
}

Result<Answer> Client::exchange_text(std::string_view request, std::span<const int> descriptors) {
  const bool kept = connection_.valid();
  bool nothing_came = true;
  auto answer = exchange_once(request, descriptors, nothing_came);
  // The agent closes idle connections. A request without any answer on a kept connection was not processed: send again.
  if (!answer) connection_.reset();
  if (!answer && kept && nothing_came && answer.error().code == ErrorCode::agent_unreachable) {
    answer = exchange_once(request, descriptors, nothing_came);
    if (!answer) connection_.reset();
  }
  return answer;
}

Result<Answer> Client::call(std::string_view method, const std::string& target, const std::string& body) {
  for (;;) {
    const std::string asked = without(target, unknown_);
    auto answer = exchange(method, asked, body);
    if (!answer || answer->status < 400) return answer;
    Error error = error_from_answer(answer->status, answer->body);
    if (!leave_out(error, asked)) return tl::unexpected(told_as_older(std::move(error), kVersion));
  }
}

// Returns whether to send the request again, without the parameter that the agent does not know.
bool Client::leave_out(const Error& refused, std::string_view target) {
  const auto name = dispensable(refused, target);
  return name && unknown_.insert(*name).second;
}

Result<std::unique_ptr<AnswerStream>> Client::stream(const std::string& target) {
  for (;;) {
    const std::string asked = without(target, unknown_);
    auto answer = stream_once(asked);
    if (answer || !leave_out(answer.error(), asked)) return answer;
  }
}

Result<std::unique_ptr<AnswerStream>> Client::stream_once(const std::string& target) {
  auto connection = connect();
  if (!connection) return tl::unexpected(connection.error());
  if (auto sent = send_all(connection->get(), request_text("GET", target, {})); !sent)
    return tl::unexpected(sent.error());
  ResponseReader reader;
  std::string rest;
  std::unique_ptr<char[]> buffer;
  const auto keep = [&rest](std::string_view piece) { rest.append(piece); };
  while (!reader.head_done()) {
    const auto received = receive(connection->get(), buffer, nullptr);
    if (!received) return tl::unexpected(received.error());
    if (received->empty()) return tl::unexpected(lost("it closed the connection"));
    // Byte by byte up to the end of the head, so that the bytes after it stay unparsed for the stream.
    for (std::size_t i = 0; i < received->size() && !reader.head_done(); ++i) {
      if (auto used = reader.feed(received->substr(i, 1), keep); !used) return tl::unexpected(used.error());
      if (reader.head_done()) rest = received->substr(i + 1);
    }
  }
  if (reader.head().status < 400)
    return std::make_unique<AnswerStream>(std::move(*connection), std::move(reader), std::move(rest));
  std::string body;
  const int status = reader.head().status;
  AnswerStream failed(std::move(*connection), std::move(reader), std::move(rest));
  while (body.size() < 64 * 1024) {
    const auto more = failed.read([&body](std::string_view piece) { body.append(piece); });
    if (!more || !*more) break;
  }
  return tl::unexpected(error_from_answer(status, body));
}

std::string escape_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~' || c == '/';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", u);
  }
  return out;
}

}  // namespace larder::agent

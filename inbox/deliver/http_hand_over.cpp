#include "inbox/deliver/http_hand_over.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/io/unique_fd.h"
#include "inbox/deliver/reply_file.h"

namespace larder::inbox {

using Kind = AttemptEnd::Kind;

HttpHandOver::HttpHandOver(HttpTarget target, std::optional<std::string> directory, ContentPath content_path,
                           Runtime runtime)
    : way_(std::make_shared<Way>()), content_path_(std::move(content_path)), runtime_(runtime) {
  prepare_calls();
  way_->target = std::move(target);
  if (directory) way_->directory.emplace(std::move(*directory));
  calls_ = std::make_unique<WorkerPool>("calls", kCalls, kCalls);
}

HttpHandOver::~HttpHandOver() {
  alive_.end_guards();
  way_->stop = true;
}

// An application that another process called may have had its effect: it is called again as another attempt, by which
// it knows the id.
void HttpHandOver::begin(const UploadRow& row, bool resumed, Done done) {
  const auto shared = std::make_shared<UniqueFunction<void(AttemptEnd)>>(
      alive_.guard([done = std::move(done)](AttemptEnd what) mutable { done(std::move(what)); }));
  Executor& loop = runtime_.executor;
  const auto answer = [shared, &loop](AttemptEnd what) {
    loop.post([shared, what = std::move(what)]() mutable { (*shared)(std::move(what)); });
  };
  if (resumed) return answer({Kind::again, "this service ended while the application was called"});
  const bool taken = calls_->submit([way = way_, row, content = content_path_(row.id), answer,
                                     now = runtime_.clock.wall()] { answer(call(*way, row, content, now)); });
  if (!taken) answer({Kind::again, "cannot call the application: too many calls are under way"});
}

AttemptEnd HttpHandOver::call(const Way& way, const UploadRow& row, const std::string& content, WallTime now) {
  return way.directory ? call_by_name(way, row, content, now) : call_by_value(way, row, content, now);
}

AttemptEnd HttpHandOver::call_by_value(const Way& way, const UploadRow& row, const std::string& content, WallTime now) {
  const UniqueFd file(::open(content.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0)
    return {Kind::again, fmt::format("cannot open {}: {}", content, std::strerror(errno))};
  if (static_cast<std::uint64_t>(facts.st_size) != row.offset)
    return {Kind::again, fmt::format("cannot send {}: it has {} bytes and not {}", content, facts.st_size, row.offset)};
  return end_of_call(call_application(way.target, {call_fields(row, std::nullopt), file.get(), row.offset}, way.stop),
                     now);
}

// The name stays until the application has said yes or no: it is told the same one each time.
AttemptEnd HttpHandOver::call_by_name(const Way& way, const UploadRow& row, const std::string& content, WallTime now) {
  const std::string name = delivered_name(row.id, row.name);
  const NamedFile file{way.directory->ready_path(name), way.directory->reply_path(name)};
  if (auto put = way.directory->put(content, name); !put) return {Kind::again, put.error().text()};
  AttemptEnd end = end_of_call(call_application(way.target, {call_fields(row, file), -1, 0}, way.stop), now);
  if (end.kind == Kind::again) return end;
  if (end.kind == Kind::took && !end.reply && end.reply_url.empty())
    add_reply(end, take_reply_file(file.reply, way.target.max_reply));
  way.directory->remove_named(name);
  return end;
}

}  // namespace larder::inbox

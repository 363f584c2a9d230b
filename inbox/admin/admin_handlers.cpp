#include "inbox/admin/admin_handlers.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/io/log.h"
#include "inbox/admin/admin_json.h"
#include "inbox/front/file_source.h"

namespace larder::inbox {
namespace {

using std::chrono::seconds;

Error wrong(const std::string& doing, std::string detail) {
  return {ErrorCode::invalid_argument, doing, std::move(detail), std::nullopt};
}

// Of a query; `otherwise` where it was not asked for. None: it is no whole number from `least` to `most`.
std::optional<std::uint64_t> number_of(const AdminMatch& match, const char* name, std::uint64_t otherwise,
                                       std::uint64_t least, std::uint64_t most) {
  const auto text = match.asked(name);
  if (!text) return otherwise;
  std::uint64_t number = 0;
  const char* const after = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), after, number);
  if (error != std::errc{} || end != after || number < least || number > most) return std::nullopt;
  return number;
}

Result<seconds> lease_of(const AdminMatch& match, const std::string& doing) {
  const auto longest = static_cast<std::uint64_t>(AdminHandlers::kLongestLease.count());
  const auto lease = number_of(match, "lease", static_cast<std::uint64_t>(AdminHandlers::kLease.count()), 1, longest);
  if (lease) return seconds(*lease);
  return tl::unexpected<Error>(wrong(doing, fmt::format("\"lease\" must be from 1 to {} seconds", longest)));
}

const char* way_text(HandOverWay way) {
  switch (way) {
    case HandOverWay::directory:
      return "a directory";
    case HandOverWay::program:
      return "a program";
    case HandOverWay::http:
      return "a URL that is called";
    case HandOverWay::take:
      break;
  }
  return "whoever takes them";
}

std::string holder_of(const AdminRequest& request) {
  return fmt::format("user {}", request.user);
}

// On a worker thread.
Result<std::unique_ptr<File>> open_whole(FileSystem& files, const std::string& path, std::uint64_t size,
                                         const std::string& doing) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return file;
  const auto found = (*file)->stat();
  if (!found) return tl::unexpected<Error>(found.error());
  if (found->size == size) return file;
  return fail(ErrorCode::content_damaged, doing, fmt::format("its file has {} bytes and not {}", found->size, size));
}

// The row as it became, or why it did not.
UniqueFunction<void(Outcome<UploadRow>)> answer_row(AdminHandlers::Respond respond) {
  return [respond = std::move(respond)](const Outcome<UploadRow>& row) mutable {
    respond(row ? json_answer(200, upload_json(*row)) : refused_answer(row.error()));
  };
}

}  // namespace

UniqueFunction<void(Outcome<UploadRow>)> AdminHandlers::answer_settled(const char* how, uid_t user, Respond respond) {
  return alive_.guard([this, how, user, answer = answer_row(std::move(respond))](Outcome<UploadRow> row) mutable {
    if (row) {
      const DeliveryRow delivery = row->delivery.value_or(DeliveryRow{});
      log::info("{} by the application upload={} inbox={} attempt={} user={} said={}", how, row->id, row->inbox,
                delivery.attempt, user, delivery.result);
      if (parts_.on_settled) parts_.on_settled(*row);
    }
    answer(std::move(row));
  });
}

void AdminHandlers::run(const AdminRequest& request, Respond respond) {
  switch (request.match.route->id) {
    case AdminRouteId::uploads:
      return list(request, std::move(respond));
    case AdminRouteId::upload:
      return show(request, std::move(respond));
    case AdminRouteId::take:
      return take(request, std::move(respond));
    case AdminRouteId::ack:
      return acknowledge(request, std::move(respond));
    case AdminRouteId::reply:
      return acknowledge_with_reply(request, std::move(respond));
    case AdminRouteId::reject:
      return reject(request, std::move(respond));
    case AdminRouteId::renew:
      return renew(request, std::move(respond));
    case AdminRouteId::content:
      return send_content(request, std::move(respond));
    case AdminRouteId::metrics:
      return show_metrics(std::move(respond));
    case AdminRouteId::healthz:
      return check_health(std::move(respond));
  }
}

void AdminHandlers::list(const AdminRequest& request, Respond respond) {
  const AdminMatch& match = request.match;
  const auto limit = number_of(match, "limit", kPage, 1, kMaxPage);
  if (!limit)
    return respond(error_answer(wrong("list uploads", fmt::format("\"limit\" must be from 1 to {}", kMaxPage))));
  ListQuery query;
  query.after = match.asked("after").value_or("");
  query.inbox = match.asked("inbox");
  query.limit = *limit;
  if (const auto state = match.asked("state")) {
    query.state = state_from_name(*state);
    if (!query.state) return respond(error_answer(wrong("list uploads", "\"state\" is no state of an upload")));
  }
  parts_.ledger.list(query, alive_.guard([limit = query.limit, respond = std::move(respond)](
                                             const Outcome<std::vector<UploadRow>>& rows) mutable {
    if (!rows) return respond(refused_answer(rows.error()));
    respond(json_answer(200, uploads_json(*rows, rows->size() < limit ? std::string() : rows->back().id)));
  }));
}

void AdminHandlers::find(const std::string& id, Respond respond, UniqueFunction<void(UploadRow, Respond)> go) {
  parts_.ledger.find(id, std::nullopt,
                     alive_.guard([respond = std::move(respond), go = std::move(go)](Outcome<UploadRow> row) mutable {
                       if (!row) return respond(refused_answer(row.error()));
                       go(std::move(*row), std::move(respond));
                     }));
}

void AdminHandlers::show(const AdminRequest& request, Respond respond) {
  find(request.match.name, std::move(respond), [](const UploadRow& row, Respond answer) {  //
    answer(json_answer(200, upload_json(row)));
  });
}

// Where a directory or a program is told, its witness decides; a second voice would contradict it. An inbox that is not
// configured any more has no way: an admin may settle what is left of it.
std::optional<Error> AdminHandlers::refuse_way(const std::string& inbox, const std::string& doing) const {
  const InboxConfig* const config = parts_.find_inbox(inbox);
  if (config == nullptr || config->hand_over == HandOverWay::take) return std::nullopt;
  return Error{ErrorCode::invalid_state, doing,
               fmt::format("the files of inbox {} are handed over by {}; set its hand_over to \"take\"", inbox,
                           way_text(config->hand_over)),
               std::nullopt};
}

void AdminHandlers::take(const AdminRequest& request, Respond respond) {
  const std::string& inbox = request.match.name;
  const std::string doing = "take an upload of inbox " + inbox;
  const auto lease = lease_of(request.match, doing);
  if (!lease) return respond(error_answer(lease.error()));
  if (parts_.find_inbox(inbox) == nullptr)
    return respond(error_answer({ErrorCode::not_found, doing, "there is no such inbox", std::nullopt}));
  if (auto refusal = refuse_way(inbox, doing)) return respond(error_answer(*refusal));
  const WallTime now = parts_.runtime.clock.wall();
  // Leases that ended are due again now, and not at the next housekeeping.
  parts_.ledger.end_overdue(now, parts_.retry,
                            alive_.guard([this, request, lease = *lease, now,
                                          respond = std::move(respond)](const Outcome<std::size_t>& ended) mutable {
                              if (!ended) return respond(refused_answer(ended.error()));
                              claim(request, lease, now, std::move(respond));
                            }));
}

void AdminHandlers::claim(const AdminRequest& request, seconds lease, WallTime now, Respond respond) {
  parts_.ledger.claim({request.match.name, holder_of(request), now, lease},
                      alive_.guard([user = request.user, respond = std::move(respond)](
                                       const Outcome<std::optional<UploadRow>>& claimed) mutable {
                        if (!claimed) return respond(refused_answer(claimed.error()));
                        if (!*claimed) return respond(json_answer(204, ""));
                        const UploadRow& row = **claimed;
                        log::info("taken upload={} inbox={} attempt={} user={}", row.id, row.inbox,
                                  row.delivery ? row.delivery->attempt : 0, user);
                        respond(json_answer(200, upload_json(row)));
                      }));
}

void AdminHandlers::find_taken(const std::string& id, Respond respond, UniqueFunction<void(UploadRow, Respond)> go) {
  find(id, std::move(respond), [this, go = std::move(go)](UploadRow row, Respond answer) mutable {
    if (auto refusal = refuse_way(row.inbox, "settle upload " + row.id)) return answer(error_answer(*refusal));
    go(std::move(row), std::move(answer));
  });
}

void AdminHandlers::acknowledge(const AdminRequest& request, Respond respond) {
  const auto said = parse_said(request.body, "result", false);
  if (!said) return respond(error_answer(said.error()));
  find_taken(request.match.name, std::move(respond),
             [this, user = request.user, result = *said](const UploadRow& row, Respond answer) {
               settle(row, user, result, false, std::move(answer));
             });
}

void AdminHandlers::settle(const UploadRow& row, uid_t user, std::string result, bool has_reply, Respond respond) {
  parts_.ledger.acknowledge(row.id, std::move(result), std::string(has_reply ? kReplyInStore : std::string_view()),
                            parts_.runtime.clock.wall(), answer_settled("acknowledged", user, std::move(respond)));
}

// The reply of an upload that is settled stays as it is: the client may have it already.
void AdminHandlers::acknowledge_with_reply(const AdminRequest& request, Respond respond) {
  find_taken(
      request.match.name, std::move(respond),
      [this, user = request.user, body = request.body](const UploadRow& row, Respond answer) mutable {
        const std::string doing = "acknowledge upload " + row.id + " with a reply";
        const InboxConfig* const inbox = parts_.find_inbox(row.inbox);
        if (inbox != nullptr && body.size() > inbox->max_reply)
          return answer(error_answer(
              {ErrorCode::too_large, doing,
               fmt::format("max_reply of inbox {} is {}", row.inbox, format_bytes(inbox->max_reply)), std::nullopt}));
        const bool taken = row.state == UploadState::delivering ||
                           (row.state == UploadState::accepted && row.delivery && row.delivery->attempt > 0);
        if (!taken || body.empty()) return settle(row, user, {}, false, std::move(answer));
        if (!keeping_.insert(row.id).second)
          return answer(error_answer({ErrorCode::busy, doing, "another reply to it is being kept", std::nullopt}));
        keep_reply(row, user, std::move(body), std::move(answer));
      });
}

void AdminHandlers::keep_reply(const UploadRow& row, uid_t user, std::string body, Respond respond) {
  parts_.keep_reply(row.id, std::move(body),
                    alive_.guard([this, row, user, respond = std::move(respond)](const Status& kept) mutable {
                      keeping_.erase(row.id);
                      if (!kept) return respond(error_answer(kept.error()));
                      settle(row, user, {}, true, std::move(respond));
                    }));
}

void AdminHandlers::reject(const AdminRequest& request, Respond respond) {
  const auto said = parse_said(request.body, "reason", true);
  if (!said) return respond(error_answer(said.error()));
  find_taken(request.match.name, std::move(respond),
             [this, user = request.user, reason = *said](const UploadRow& row, Respond answer) {
               parts_.ledger.reject(row.id, reason, StoredAnswer{422, reason}, parts_.runtime.clock.wall(),
                                    answer_settled("refused", user, std::move(answer)));
             });
}

void AdminHandlers::renew(const AdminRequest& request, Respond respond) {
  const std::string doing = "extend the lease of upload " + request.match.name;
  const auto lease = lease_of(request.match, doing);
  if (!lease) return respond(error_answer(lease.error()));
  const auto attempt = number_of(request.match, "attempt", 0, 1, UINT32_MAX);
  if (!attempt) return respond(error_answer(wrong(doing, "\"attempt\" must be the number that the take told")));
  find_taken(request.match.name, std::move(respond),
             [this, lease = *lease, attempt = static_cast<unsigned>(*attempt)](const UploadRow& row, Respond answer) {
               renew_attempt(row, lease, attempt == 0 ? std::nullopt : std::optional(attempt), std::move(answer));
             });
}

void AdminHandlers::renew_attempt(const UploadRow& row, seconds lease, std::optional<unsigned> attempt,
                                  Respond respond) {
  const unsigned current = row.delivery ? row.delivery->attempt : 0;
  parts_.ledger.renew(row.id, attempt.value_or(current), parts_.runtime.clock.wall() + lease,
                      alive_.guard(answer_row(std::move(respond))));
}

void AdminHandlers::send_content(const AdminRequest& request, Respond respond) {
  find(request.match.name, std::move(respond), [this](const UploadRow& row, Respond answer) {
    const auto cannot = [&](ErrorCode code, std::string why) {
      answer(error_answer({code, "read the content of upload " + row.id, std::move(why), std::nullopt}));
    };
    // A file that a scanner has not judged goes to nobody.
    if (!was_accepted(row.state))
      return cannot(ErrorCode::invalid_state, fmt::format("it is {}", state_name(row.state)));
    if (!row.has_content) return cannot(ErrorCode::not_found, "it was removed: it was settled long enough ago");
    open_content(row, std::move(answer));
  });
}

void AdminHandlers::open_content(const UploadRow& row, Respond respond) {
  const std::string doing = "read the content of upload " + row.id;
  auto answer = [this, size = row.offset, respond = std::move(respond)](Result<std::unique_ptr<File>> file) mutable {
    if (!file) return respond(error_answer(file.error()));
    http::Response response;
    response.fields = {{"Cache-Control", "no-store"}, {"Content-Type", "application/octet-stream"}};
    response.length = size;
    response.stream = make_file_source(std::move(*file), {0, size}, parts_.runtime, parts_.disk);
    respond(std::move(response));
  };
  // Shared, for a task that the pool does not take is gone.
  const auto shared =
      std::make_shared<UniqueFunction<void(Result<std::unique_ptr<File>>)>>(alive_.guard(std::move(answer)));
  const bool taken = parts_.disk.submit([&files = parts_.files, &loop = parts_.runtime.executor, doing,
                                         size = row.offset, path = parts_.content_path(row.id), shared]() mutable {
    auto file = open_whole(files, path, size, doing);
    loop.post([shared, file = std::move(file)]() mutable { (*shared)(std::move(file)); });
  });
  if (!taken) (*shared)(fail(ErrorCode::busy, doing, "the disk has too much to do; ask again later"));
}

void AdminHandlers::show_metrics(Respond respond) {
  parts_.ledger.totals(alive_.guard([this, respond = std::move(respond)](const Outcome<LedgerTotals>& totals) mutable {
    if (!totals) return respond(refused_answer(totals.error()));
    http::Response response = json_answer(200, render_admin_metrics(parts_.figures(), *totals));
    for (http::Field& field : response.fields)
      if (field.name == "Content-Type") field.value = "text/plain; version=0.0.4; charset=utf-8";
    respond(std::move(response));
  }));
}

// The loop runs, and the ledger answers.
void AdminHandlers::check_health(Respond respond) {
  ListQuery query;
  query.limit = 1;
  parts_.ledger.list(query, alive_.guard([respond = std::move(respond)](const auto& rows) mutable {
    respond(rows ? json_answer(200, "{\"status\":\"well\"}\n") : refused_answer(rows.error()));
  }));
}

}  // namespace larder::inbox

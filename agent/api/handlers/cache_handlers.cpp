#include <algorithm>
#include <charconv>

#include "agent/api/handlers/handlers.h"
#include "agent/api/json/job_json.h"
#include "agent/api/json/view_json.h"
#include "cache/cache.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 1000;

// Administrators see all fields of a record. For other users the cache selects the records and versions that the user
// asked for, and the view leaves out what other users did.
RecordDetail detail_for(const Caller& caller) {
  return caller.admin ? RecordDetail::all : RecordDetail::of_own_user;
}
std::optional<std::uint32_t> user_of(const Caller& caller) {
  return caller.admin ? std::nullopt : std::optional<std::uint32_t>(caller.uid);
}

// Compares a filter only with URLs in the form that its caller may see. Compared with the full URL, a filter would let
// the caller guess a hidden query letter by letter.
bool shows(const cache::ContentInfo& record, const std::string& part, RecordDetail detail) {
  return part.empty() ||
         std::any_of(record.versions.begin(), record.versions.end(), [&](const cache::Version& version) {
           return shown_url(version.url, detail).find(part) != std::string::npos;
         });
}

std::optional<std::size_t> limit_of(const RouteMatch& match) {
  const auto text = match.asked("limit");
  if (!text) return kDefaultLimit;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || end != text->data() + text->size() || limit == 0 || limit > kMaxLimit)
    return std::nullopt;
  return limit;
}

UniqueFunction<void(Result<std::uint64_t>)> answer_removed(Responder respond) {
  return [respond = std::move(respond)](Result<std::uint64_t> removed) mutable {
    if (!removed) return respond.fail(removed.error());
    respond(json_response(200, removed_view(*removed)));
  };
}

}  // namespace

void Handlers::list_records(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  const auto limit = limit_of(match);
  if (!limit) return respond.fail({ErrorCode::invalid_argument, "list the cache", "\"limit\" must be from 1 to 1000"});
  const cache::ListQuery query{match.asked("after").value_or(""), *limit, match.asked("url").value_or(""),
                               user_of(request.caller)};
  services_.cache.list(query, [query, caller = request.caller,
                               respond = std::move(respond)](Result<std::vector<cache::ContentInfo>> records) mutable {
    if (!records) return respond.fail(records.error());
    const RecordDetail detail = detail_for(caller);
    const std::string next = records->size() < query.limit ? "" : records->back().id;
    std::erase_if(*records,
                  [&](const cache::ContentInfo& record) { return !shows(record, query.url_contains, detail); });
    respond(json_response(200, records_view(*records, next, detail)));
  });
}

void Handlers::show_record(const RouteMatch& match, const ApiRequest& request, Responder respond) {
  auto show = [&cache = services_.cache, id = match.id, detail = detail_for(request.caller),
               respond = std::move(respond)](Result<cache::ContentInfo> record) mutable {
    if (!record) return respond.fail(record.error());
    cache.segments(id, [record = std::move(*record), detail,
                        respond = std::move(respond)](Result<std::vector<cache::SegmentInfo>> segments) mutable {
      if (!segments) return respond.fail(segments.error());
      respond(json_response(200, record_view(record, detail, &*segments)));
    });
  };
  if (const auto user = user_of(request.caller)) return services_.cache.get_for(match.id, *user, std::move(show));
  services_.cache.get(match.id, std::move(show));
}

void Handlers::remove_record(const RouteMatch& match, Responder respond) {
  services_.cache.remove(match.id, [respond = std::move(respond)](Result<void> removed) mutable {
    if (!removed) return respond.fail(removed.error());
    respond(json_response(204, ""));
  });
}

void Handlers::remove_records(const RouteMatch& match, Responder respond) {
  const auto text = match.asked("url");
  if (!text) return services_.cache.clear(answer_removed(std::move(respond)));
  const auto url = origin::parse_url(*text);
  if (!url) return respond.fail(url.error());
  services_.cache.remove_url(url->canonical(), answer_removed(std::move(respond)));
}

void Handlers::pin_record(const RouteMatch& match, ApiRequest request, Responder respond) {
  const auto pinned = parse_pin(request.body);
  if (!pinned) return respond.fail(pinned.error());
  services_.cache.pin(
      match.id, *pinned,
      [&cache = services_.cache, id = match.id, respond = std::move(respond)](Result<void> done) mutable {
        if (!done) return respond.fail(done.error());
        cache.get(id, [respond = std::move(respond)](Result<cache::ContentInfo> record) mutable {
          if (!record) return respond.fail(record.error());
          respond(json_response(200, record_view(*record, RecordDetail::all)));
        });
      });
}

}  // namespace larder::agent

#include "agent/cli/show/inbox_views.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/cli/show/progress.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Calls `read` and turns the exceptions of nlohmann's accessors (wrong type) into an error.
template <class T, class Read>
Result<T> parse(std::string_view text, Read read) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& e) {
    return fail(ErrorCode::agent_answer_invalid, "read the answer of larder-inbox", e.what());
  }
}

template <class T>
T get(const json& from, const char* name, T fallback = {}) {
  const auto found = from.find(name);
  return found == from.end() || found->is_null() ? fallback : found->get<T>();
}

UploadView view_of(const json& from) {
  UploadView view;
  view.id = from.at("id").get<std::string>();
  view.inbox = from.at("inbox").get<std::string>();
  view.state = from.at("state").get<std::string>();
  for (const auto& [name, into] :
       {std::pair("name", &view.name), std::pair("principal", &view.principal), std::pair("key", &view.key),
        std::pair("dialect", &view.dialect), std::pair("sha256", &view.sha256),
        std::pair("created_at", &view.created_at), std::pair("accepted_at", &view.accepted_at),
        std::pair("settled_at", &view.settled_at), std::pair("expires_at", &view.expires_at),
        std::pair("next_at", &view.next_at), std::pair("lease_until", &view.lease_until),
        std::pair("holder", &view.holder), std::pair("url", &view.url), std::pair("result", &view.result)})
    *into = get<std::string>(from, name);
  if (const auto size = from.find("size"); size != from.end() && !size->is_null())
    view.size = size->get<std::uint64_t>();
  view.offset = get<std::uint64_t>(from, "offset");
  view.attempt = get<unsigned>(from, "attempt");
  view.has_content = get<bool>(from, "has_content", true);
  return view;
}

std::string size_of(const UploadView& view) {
  if (view.state == "receiving")
    return fmt::format("{} of {}", format_bytes(view.offset), view.size ? format_bytes(*view.size) : "?");
  return format_bytes(view.offset);
}

std::string body_of(const char* name, const std::string& text) {
  return ordered_json{{name, text}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

Result<UploadView> parse_upload(std::string_view json_text) {
  return parse<UploadView>(json_text, view_of);
}

Result<UploadsView> parse_uploads(std::string_view json_text) {
  return parse<UploadsView>(json_text, [](const json& from) {
    UploadsView view;
    for (const json& one : from.at("uploads").get_ref<const json::array_t&>()) view.uploads.push_back(view_of(one));
    view.next = get<std::string>(from, "next");
    return view;
  });
}

Result<std::string> taken_report(std::string_view json_text, const std::string& file) {
  auto report = ordered_json::parse(json_text, nullptr, false);
  if (!report.is_object())
    return fail(ErrorCode::agent_answer_invalid, "read the answer of larder-inbox", "it is no JSON object");
  report["file"] = file;
  return report.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string reject_body(const std::string& reason) {
  return body_of("reason", reason);
}

std::string ack_body(const std::string& result) {
  return result.empty() ? std::string() : body_of("result", result);
}

std::string uploads_table(const UploadsView& view) {
  if (view.uploads.empty()) return "no uploads";
  std::string table =
      fmt::format("{:<26}  {:<10}  {:<16}  {:>7}  {:<20}  {}", "ID", "STATE", "INBOX", "ATTEMPT", "SIZE", "NAME");
  for (const UploadView& each : view.uploads)
    table += fmt::format("\n{:<26}  {:<10}  {:<16}  {:>7}  {:<20}  {}", printable(each.id), printable(each.state),
                         printable(each.inbox), each.attempt, size_of(each), printable(each.name));
  if (!view.next.empty()) table += fmt::format("\nmore: --after {}", printable(view.next));
  return table;
}

std::string upload_page(const UploadView& view) {
  std::string page;
  const auto add = [&page](const char* name, const std::string& value) {
    if (!value.empty()) page += fmt::format("{}{:<12}  {}", page.empty() ? "" : "\n", name, printable(value));
  };
  add("upload", view.id);
  add("state", view.state);
  add("inbox", view.inbox);
  add("name", view.name);
  add("size", size_of(view));
  add("sha256", view.sha256);
  add("from", fmt::format("{}, by {}", view.principal, view.dialect));
  add("transaction", view.key);
  add("url", view.url);
  add("created", view.created_at);
  add("expires", view.expires_at);
  add("accepted", view.accepted_at);
  add("settled", view.settled_at);
  add("attempt", std::to_string(view.attempt));
  add("taken by", view.lease_until.empty() ? "" : fmt::format("{}, until {}", view.holder, view.lease_until));
  add("offered from", view.next_at);
  add("said", view.result);
  if (!view.has_content) add("content", "removed");
  return page;
}

std::string upload_line(const UploadView& view) {
  return fmt::format("{}  {}{}", printable(view.id), printable(view.state),
                     view.lease_until.empty() ? "" : " until " + printable(view.lease_until));
}

}  // namespace larder::agent

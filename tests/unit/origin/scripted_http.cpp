#include "tests/unit/origin/scripted_http.h"

#include <gtest/gtest.h>

namespace larder::origin {

HttpId ScriptedHttp::start(HttpRequest request, std::shared_ptr<HttpEvents> events) {
  requests_.push_back(std::move(request));
  open_.emplace(requests_.size(), std::move(events));
  return requests_.size();
}

void ScriptedHttp::cancel(HttpId id) {
  cancelled_.push_back(id);
  open_.erase(id);
}

std::shared_ptr<HttpEvents> ScriptedHttp::listener() const {
  const auto found = open_.find(requests_.size());
  return found == open_.end() ? nullptr : found->second;
}

void ScriptedHttp::head(int status, std::vector<Header> headers, int version) {
  const auto events = listener();
  ASSERT_NE(events, nullptr) << "the latest request is no longer open";
  HttpHead head;
  head.status = status;
  head.version = version;
  head.address = address;
  head.headers = std::move(headers);
  events->on_head(head);
}

void ScriptedHttp::data(std::size_t bytes, char fill) {
  const auto events = listener();
  if (!events) return;  // abandoned at its head
  events->on_data(copy_of(as_bytes(std::string(bytes, fill))));
}

void ScriptedHttp::done(Status status) {
  const HttpId id = requests_.size();
  const auto events = listener();
  if (!events) return;
  open_.erase(id);
  events->on_done(std::move(status));
}

void ScriptedHttp::answer(int status, std::vector<Header> headers, std::size_t body) {
  const std::size_t number = requests_.size();
  head(status, std::move(headers));
  if (requests_.size() != number) return;  // a new request followed
  if (body > 0) data(body);
  if (requests_.size() == number) done();
}

std::string ScriptedHttp::sent(const std::string& name) const {
  for (const Header& header : requests_.back().headers) {
    if (header.first == name) return header.second;
  }
  return "absent";
}

}  // namespace larder::origin

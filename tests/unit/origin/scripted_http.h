// An HttpClient whose answers a test writes: exchanges wait until the test answers them, by the latest request.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

class ScriptedHttp final : public HttpClient {
 public:
  explicit ScriptedHttp(Executor& loop) : loop_(loop) {}

  HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) override;
  void cancel(HttpId id) override;
  void consumed(HttpId id, std::size_t bytes) override { consumed_[id] += bytes; }
  void send(HttpId id, Buffer bytes) override { bodies_[id].append(text_of(bytes)); }
  void set_rate(HttpId id, std::uint64_t bytes_per_second) override { rates_[id] = bytes_per_second; }
  void set_total_rate(std::uint64_t) override {}

  // Of the latest request.
  void head(int status, std::vector<Header> headers, int version = 11);
  void data(std::size_t bytes, char fill = 'x');
  void done(Status status = {});
  void answer(int status, std::vector<Header> headers, std::size_t body = 0);

  [[nodiscard]] const HttpRequest& last() const { return requests_.back(); }
  [[nodiscard]] std::string sent(const std::string& name) const;  // of the latest request; "absent"
  [[nodiscard]] bool open() const { return open_.contains(requests_.size()); }

  std::string address;  // that the next heads come from

  std::vector<HttpRequest> requests_;  // id - 1
  std::vector<HttpId> cancelled_;
  std::map<HttpId, std::size_t> consumed_;
  std::map<HttpId, std::string> bodies_;  // what send() was given
  std::map<HttpId, std::uint64_t> rates_;

 private:
  static std::string text_of(const Buffer& bytes) {
    return {reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size()};
  }
  [[nodiscard]] std::shared_ptr<HttpEvents> listener() const;

  Executor& loop_;
  std::map<HttpId, std::shared_ptr<HttpEvents>> open_;
};

}  // namespace larder::origin

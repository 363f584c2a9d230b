// Parser of server-sent events (HTML Living Standard §9.2), fed with bytes as they arrive. Pure. Lines and events are
// bounded: an event that is too long is dropped whole and counted, and JobFollower then reads the job again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace larder::agent {

struct ServerEvent {
  std::string id;
  std::string kind = "message";
  std::string data;
};

class SseParser {
 public:
  static constexpr std::size_t kMaxEvent = 1024 * 1024;
  using Sink = std::function<void(const ServerEvent&)>;

  void feed(std::string_view bytes, const Sink& sink);
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void take_line(const Sink& sink);
  void take_field(std::string_view name, std::string_view value);
  void dispatch(const Sink& sink);

  std::string line_;
  bool after_cr_ = false;
  bool at_start_ = true;  // a byte order mark may come first
  bool line_too_long_ = false;
  bool event_too_long_ = false;
  bool has_data_ = false;
  std::string last_id_;
  ServerEvent event_;
  std::uint64_t dropped_ = 0;
};

}  // namespace larder::agent

// Strict reading of one JSON object: every member is asked for by name and type, and what was not asked for is an error
// at the end. Included by job_json.cpp and group_json.cpp alone, since it brings nlohmann/json.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

// Parsed, within the bounds on depth and number, without repeated members; else invalid_argument.
[[nodiscard]] Result<nlohmann::json> parse_bounded(std::string_view text, std::size_t max_depth,
                                                   std::size_t max_values);

// Remembers the first thing that is wrong; later reads do nothing then. Members that are absent or null keep what the
// target has.
class JsonReader {
 public:
  // `error` is shared by the readers of nested objects.
  JsonReader(const nlohmann::json& value, std::string path, std::optional<std::string>& error);

  void text(const char* name, std::string& target, std::size_t longest);
  void flag(const char* name, bool& target);
  template <class Number>
  void count(const char* name, Number& target, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    if (read_count(name, value, least, most)) target = static_cast<Number>(value);
  }
  void duration(const char* name, Duration& target, Duration longest);
  // Calls `read` with the member where it is given.
  void with(const char* name, const std::function<void(const nlohmann::json&, const std::string& path)>& read);
  void object(const char* name, const std::function<void(JsonReader&)>& read);
  // Each element; at most `most` of them.
  void each(const char* name, std::size_t most,
            const std::function<void(const nlohmann::json&, const std::string& path)>& read);
  void require(const char* name);
  void finish();  // what was not asked for is unknown

  [[nodiscard]] bool has(const char* name) const;
  void wrong(const std::string& member, const std::string& what);
  [[nodiscard]] std::string path_of(const std::string& member) const;

 private:
  const nlohmann::json* find(const char* name);
  bool read_count(const char* name, std::uint64_t& value, std::uint64_t least, std::uint64_t most);

  const nlohmann::json& value_;
  std::string path_;
  std::optional<std::string>& error_;
  std::set<std::string> asked_;
};

[[nodiscard]] std::optional<std::uint64_t> whole_number(const nlohmann::json& value);

}  // namespace larder::agent

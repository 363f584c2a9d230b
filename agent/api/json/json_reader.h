// Reads one JSON object strictly: each member is read by name and type, and members that were not read are an error at
// the end. Included only by job_json.cpp and group_json.cpp, since it brings nlohmann/json.
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

// Parses the text within the bounds on depth and number of values, without repeated members; else invalid_argument.
[[nodiscard]] Result<nlohmann::json> parse_bounded(std::string_view text, std::size_t max_depth,
                                                   std::size_t max_values);

// Keeps the first error, after which further reads do nothing. An absent or null member leaves its target as it is.
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
  // Calls `read` with the member, if it is given.
  void with(const char* name, const std::function<void(const nlohmann::json&, const std::string& path)>& read);
  void object(const char* name, const std::function<void(JsonReader&)>& read);
  // Calls `read` for each element; more than `most` are an error.
  void each(const char* name, std::size_t most,
            const std::function<void(const nlohmann::json&, const std::string& path)>& read);
  void require(const char* name);
  void finish();  // members that were not read are unknown

  [[nodiscard]] bool has(const char* name) const;
  void wrong(const std::string& member, const std::string& what);
  [[nodiscard]] std::string path_of(const std::string& member) const;

 private:
  const nlohmann::json* find_member(const char* name);
  bool read_count(const char* name, std::uint64_t& value, std::uint64_t least, std::uint64_t most);

  const nlohmann::json& value_;
  std::string path_;
  std::optional<std::string>& error_;
  std::set<std::string> asked_;
};

[[nodiscard]] std::optional<std::uint64_t> whole_number(const nlohmann::json& value);

}  // namespace larder::agent

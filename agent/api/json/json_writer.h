// Writes JSON text in one pass into a string, without a tree, since views of jobs are rendered for every event. Commas
// are written automatically; the caller pairs objects and arrays. Text that is not UTF-8 is repaired with U+FFFD, since
// URLs and reasons come from other parties.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::agent {

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(std::unsigned_integral auto number) { return raw(std::to_string(number)); }
  JsonWriter& value(std::signed_integral auto number) { return raw(std::to_string(number)); }
  JsonWriter& value(double number);  // with milliseconds' precision; null if not finite
  JsonWriter& null() { return raw("null"); }
  JsonWriter& raw(std::string_view json);  // a complete value, written as it is

  template <class T>
  JsonWriter& member(std::string_view name, const T& what) {
    return key(name).value(what);
  }
  template <class T>
  JsonWriter& member(std::string_view name, const std::optional<T>& what) {
    key(name);
    return what ? value(*what) : null();
  }
  // Writes null for an empty text.
  JsonWriter& member_or_null(std::string_view name, std::string_view text);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);

  std::string text_;
};

}  // namespace larder::agent

#include "agent/api/json/json_reader.h"

#include <fmt/format.h>

#include <cmath>

#include "agent/api/json/unknown_name.h"

namespace larder::agent {
namespace {

using nlohmann::json;

tl::unexpected<Error> bad_body(const std::string& what) {
  return fail(ErrorCode::invalid_argument, "read the request's body", what);
}

// Checks depth and number of values before anything is built.
Status check_shape(std::string_view text, std::size_t max_depth, std::size_t max_values) {
  std::size_t depth = 0, values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') {
      ++values;
      if (++depth > max_depth) return bad_body(fmt::format("it is nested more than {} levels deep", max_depth));
    }
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == ',' && ++values > max_values) return bad_body(fmt::format("it has more than {} values", max_values));
  }
  return {};
}

}  // namespace

Result<json> parse_bounded(std::string_view text, std::size_t max_depth, std::size_t max_values) {
  if (auto shape = check_shape(text, max_depth, max_values); !shape) return tl::unexpected<Error>(shape.error());
  std::vector<std::set<std::string>> names;
  std::string repeated;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(parsed.get_ref<const std::string&>()).second)
      repeated = parsed.get<std::string>();
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), watch);
    if (!repeated.empty()) return bad_body(fmt::format("member \"{}\" is given twice", repeated.substr(0, 100)));
    if (!value.is_object()) return bad_body("it is not a JSON object");
    return value;
  } catch (const json::parse_error& error) {
    return bad_body(fmt::format("it is not JSON (at byte {})", error.byte));
  } catch (const json::exception& error) {
    return bad_body(std::string("it is not JSON: ") + error.what());
  }
}

std::optional<std::uint64_t> whole_number(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  return std::nullopt;
}

JsonReader::JsonReader(const json& value, std::string path, std::optional<std::string>& error)
    : value_(value), path_(std::move(path)), error_(error) {
  if (!value_.is_object() && !error_) error_ = fmt::format("\"{}\" must be an object", path_);
}

std::string JsonReader::path_of(const std::string& member) const {
  return path_.empty() ? member : path_ + "." + member;
}

void JsonReader::wrong(const std::string& member, const std::string& what) {
  if (!error_) error_ = fmt::format("\"{}\" {}", path_of(member), what);
}

const json* JsonReader::find_member(const char* name) {
  asked_.insert(name);
  if (error_ || !value_.is_object()) return nullptr;
  const auto found = value_.find(name);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

bool JsonReader::has(const char* name) const {
  if (!value_.is_object()) return false;
  const auto found = value_.find(name);
  return found != value_.end() && !found->is_null();
}

void JsonReader::require(const char* name) {
  if (!has(name)) wrong(name, "is missing");
}

void JsonReader::text(const char* name, std::string& target, std::size_t longest) {
  const json* found = find_member(name);
  if (!found) return;
  if (!found->is_string()) return wrong(name, "must be text");
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() > longest) return wrong(name, fmt::format("must have at most {} bytes", longest));
  if (text.find('\0') != std::string::npos) return wrong(name, "must not have NUL characters");
  target = text;
}

void JsonReader::flag(const char* name, bool& target) {
  const json* found = find_member(name);
  if (!found) return;
  if (!found->is_boolean()) return wrong(name, "must be true or false");
  target = found->get<bool>();
}

bool JsonReader::read_count(const char* name, std::uint64_t& value, std::uint64_t least, std::uint64_t most) {
  const json* found = find_member(name);
  if (!found) return false;
  const auto number = whole_number(*found);
  if (number && *number >= least && *number <= most) {
    value = *number;
    return true;
  }
  wrong(name, fmt::format("must be a whole number from {} to {}", least, most));
  return false;
}

void JsonReader::duration(const char* name, Duration& target, Duration longest) {
  const json* found = find_member(name);
  if (!found) return;
  const double most = std::chrono::duration<double>(longest).count();
  const double seconds = found->is_number() ? found->get<double>() : -1;
  if (!std::isfinite(seconds) || seconds < 0 || seconds > most)
    return wrong(name, fmt::format("must be a number of seconds from 0 to {:.0f}", most));
  target = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

void JsonReader::with(const char* name, const std::function<void(const json&, const std::string& path)>& read) {
  if (const json* found = find_member(name)) read(*found, path_of(name));
}

void JsonReader::object(const char* name, const std::function<void(JsonReader&)>& read) {
  const json* found = find_member(name);
  if (!found) return;
  JsonReader nested(*found, path_of(name), error_);
  read(nested);
  nested.finish();
}

void JsonReader::each(const char* name, std::size_t most,
                      const std::function<void(const json&, const std::string& path)>& read) {
  const json* found = find_member(name);
  if (!found) return;
  if (!found->is_array()) return wrong(name, "must be a list");
  if (found->size() > most) return wrong(name, fmt::format("must have at most {} elements", most));
  for (std::size_t i = 0; i < found->size() && !error_; ++i) read((*found)[i], fmt::format("{}[{}]", path_of(name), i));
}

void JsonReader::finish() {
  if (error_ || !value_.is_object()) return;
  for (const auto& [name, ignored] : value_.items())
    if (asked_.count(name) == 0) return wrong(name.substr(0, 100), unknown_name());
}

}  // namespace larder::agent

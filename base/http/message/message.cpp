#include "base/http/message/message.h"

#include <algorithm>

#include "base/text/text.h"

namespace larder::http {

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool lists_token(std::string_view value, std::string_view token) {
  while (true) {
    const std::size_t comma = value.find(',');
    if (same_name(trim(value.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

const std::string* RequestHead::find(std::string_view name) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return same_name(field.name, name); });
  return found == fields.end() ? nullptr : &found->value;
}

Response text_response(int status, std::string text) {
  Response response;
  response.status = status;
  response.fields = {{"Content-Type", "text/plain; charset=utf-8"}};
  response.body = std::move(text);
  return response;
}

Response refusal_response(const Refusal& refusal) {
  Response response = text_response(refusal.status, refusal.error.text() + "\n");
  if (refusal.error.retry_after)
    response.fields.push_back({"Retry-After", std::to_string(refusal.error.retry_after->count())});
  return response;
}

}  // namespace larder::http

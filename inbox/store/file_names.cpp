#include "inbox/store/file_names.h"

#include <algorithm>

#include "base/text/text.h"

namespace larder::inbox {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kMaxDigits = 20;

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDigits && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

bool is_upload_id(std::string_view text) {
  return text.size() == kIdLength &&
         std::all_of(text.begin(), text.end(), [](char c) { return kLetters.find(c) != std::string_view::npos; });
}

std::string make_upload_id(std::uint64_t high, std::uint64_t low) {
  std::string id;
  for (std::size_t i = 0; i < kIdLength; ++i) {
    // The next five bits from the top of the 128; the last letter holds the three that are left.
    id += kLetters[static_cast<std::size_t>(high >> 59)];
    high = (high << 5) | (low >> 59);
    low <<= 5;
  }
  return id;
}

std::string part_name(std::string_view id) {
  return std::string(id) + ".1-0";
}

std::optional<std::string> id_of_part(std::string_view file_name) {
  const std::size_t dash = file_name.find('-', std::min(kIdLength + 1, file_name.size()));
  if (dash == std::string_view::npos || file_name[kIdLength] != '.') return std::nullopt;
  const std::string_view id = file_name.substr(0, kIdLength);
  const std::string_view epoch = file_name.substr(kIdLength + 1, dash - kIdLength - 1);
  if (!is_upload_id(id) || !is_number(epoch) || !is_number(file_name.substr(dash + 1))) return std::nullopt;
  return std::string(id);
}

std::optional<std::string> id_of_reply(std::string_view file_name) {
  const std::string_view id = file_name.substr(0, kIdLength), end = file_name.substr(id.size());
  if (!is_upload_id(id) || !(end.empty() || end == ".new" || end == ".said")) return std::nullopt;
  return std::string(id);
}

}  // namespace larder::inbox

#include "agent/jobs/store/upload_values.h"

#include <fmt/format.h>

#include <charconv>

#include "origin/upload/progress_text.h"

namespace larder::agent {
namespace {

constexpr std::string_view kYes = "1";

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// Calls `take(name, value)` for each line up to an empty one; false: a line is none, or `take` refuses it. `text` keeps
// what follows.
template <class Take>
bool read_lines(std::string_view& text, Take take) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty()) return true;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !take(line.substr(0, equals), line.substr(equals + 1))) return false;
  }
  return true;
}

void add_flag(std::string& text, std::string_view name, bool value) {
  if (value) text += fmt::format("{}={}\n", name, kYes);
}

}  // namespace

std::string encode_upload_options(const UploadOptions& options) {
  std::string text = fmt::format("protocol={}\n", origin::protocol_wish_name(options.protocol));
  if (!options.transaction.empty()) text += fmt::format("transaction={}\n", options.transaction);
  add_flag(text, "reply", options.reply);
  add_flag(text, "spool", options.spool);
  add_flag(text, "overwrite", options.overwrite);
  return text;
}

std::optional<UploadOptions> decode_upload_options(std::string_view text) {
  UploadOptions options;
  const auto take = [&options](std::string_view name, std::string_view value) {
    if (name == "protocol") {
      const auto wish = origin::protocol_wish_from_name(value);
      if (wish) options.protocol = *wish;
      return wish.has_value();
    }
    if (name == "transaction") options.transaction = std::string(value);
    if (name == "reply") options.reply = value == kYes;
    if (name == "spool") options.spool = value == kYes;
    if (name == "overwrite") options.overwrite = value == kYes;
    return true;
  };
  if (!read_lines(text, take)) return std::nullopt;
  return options;
}

std::string encode_upload(const UploadFacts& facts) {
  std::string text = fmt::format("name={}\nkey={}\ndevice={}\ninode={}\nsize={}\nchanged={}\nmodified={}\n", facts.name,
                                 facts.key, facts.source.device, facts.source.inode, facts.source.size,
                                 facts.source.changed_ns, facts.source.modified_ns);
  add_flag(text, "snapshot", facts.snapshot);
  add_flag(text, "confirmed", facts.confirmed);
  add_flag(text, "has_reply", facts.has_reply);
  if (facts.began) text += fmt::format("dialect={}\n", origin::upload_dialect_name(facts.dialect));
  return text + "\n" + origin::progress_text(facts.progress);
}

std::optional<UploadFacts> decode_upload(std::string_view text) {
  UploadFacts facts;
  const auto take = [&facts](std::string_view name, std::string_view value) {
    if (name == "name") facts.name = std::string(value);
    if (name == "key") facts.key = std::string(value);
    if (name == "device") return read_number(value, facts.source.device);
    if (name == "inode") return read_number(value, facts.source.inode);
    if (name == "size") return read_number(value, facts.source.size);
    if (name == "changed") return read_number(value, facts.source.changed_ns);
    if (name == "modified") return read_number(value, facts.source.modified_ns);
    if (name == "snapshot") facts.snapshot = value == kYes;
    if (name == "confirmed") facts.confirmed = value == kYes;
    if (name == "has_reply") facts.has_reply = value == kYes;
    if (name == "dialect") {
      const auto dialect = origin::upload_dialect_from_name(value);
      facts.began = dialect.has_value();
      if (dialect) facts.dialect = *dialect;
      return dialect.has_value();
    }
    return true;
  };
  if (!read_lines(text, take) || facts.key.empty()) return std::nullopt;
  auto progress = origin::parse_progress(text);
  if (!progress) return std::nullopt;
  facts.progress = std::move(*progress);
  return facts;
}

}  // namespace larder::agent

// The store's directory: parts/ID.EPOCH-OFFSET while an upload is received, content/ID once it is whole, replies/ID for
// what the application gives the client. Pure.
//
// A part's name tells at which epoch and offset its chain of appends began. One node goes on in the part that it has,
// so there is one part, 1-0. Where nodes share a ledger, a node that lost its lease must not write into the file that
// its successor writes to: each epoch then begins a part of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace larder::inbox {

// 128 random bits are 26 letters of RFC 4648's base32, in lower case.
inline constexpr std::size_t kIdLength = 26;
[[nodiscard]] bool is_upload_id(std::string_view text);
// Of two random numbers.
[[nodiscard]] std::string make_upload_id(std::uint64_t high, std::uint64_t low);

[[nodiscard]] std::string part_name(std::string_view id);
// The upload of a file in parts/; none: it is no file of the store, which leaves it alone.
[[nodiscard]] std::optional<std::string> id_of_part(std::string_view file_name);

// The upload of a file in replies/, also of one that is not whole yet; none: as above.
[[nodiscard]] std::optional<std::string> id_of_reply(std::string_view file_name);

class StorePaths {
 public:
  explicit StorePaths(std::string directory) : directory_(std::move(directory)) {}
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string parts() const { return directory_ + "/parts"; }
  [[nodiscard]] std::string contents() const { return directory_ + "/content"; }
  [[nodiscard]] std::string part(std::string_view id) const { return parts() + "/" + part_name(id); }
  [[nodiscard]] std::string content(std::string_view id) const { return contents() + "/" + std::string(id); }
  [[nodiscard]] std::string replies() const { return directory_ + "/replies"; }
  [[nodiscard]] std::string reply(std::string_view id) const { return replies() + "/" + std::string(id); }
  // Being written.
  [[nodiscard]] std::string new_reply(std::string_view id) const { return reply(id) + ".new"; }
  // Where a program that gets the file may leave its reply; nothing of it counts before it is reply().
  [[nodiscard]] std::string said_reply(std::string_view id) const { return reply(id) + ".said"; }

 private:
  std::string directory_;
};

}  // namespace larder::inbox

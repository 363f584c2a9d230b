// Where the application's reply to an upload goes: a file that is the complete old or the complete new one at any
// moment, and never what a link leads to, since the reply is another's words. Blocks; one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::agent {

// Error: the file cannot be written, with the reason. Asked before the upload begins.
[[nodiscard]] Status check_reply_file(const std::string& path);

// Hands the next bytes of the reply to `sink`, whose result is an error if they could not be written. Returns false at
// the end of the reply.
using ReplySink = std::function<Status(std::string_view bytes)>;
using ReadReply = std::function<Result<bool>(const ReplySink& sink)>;
// Writes the reply to a hidden file beside it, and renames that once it is whole and synced. `key`: part of its name.
[[nodiscard]] Status write_reply_file(const std::string& path, const std::string& key, const ReadReply& read);

}  // namespace larder::agent

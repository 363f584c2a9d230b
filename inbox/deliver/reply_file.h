// A reply that an application left in a file, for the client (BITS upload-reply). It is another program's file: not
// followed where it is a link, and read only where it is a plain file that nobody else names. Blocks: worker threads.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "inbox/deliver/hand_over.h"

namespace larder::inbox {

// None: there is no such file, or nothing is in it. too_large: it has more than `most` bytes.
[[nodiscard]] Result<std::optional<std::string>> take_reply_file(const std::string& path, std::size_t most);

// What a reply that cannot be had means: the application has the file all the same, and the result says what is
// missing.
void add_reply(AttemptEnd& end, Result<std::optional<std::string>> reply);

}  // namespace larder::inbox

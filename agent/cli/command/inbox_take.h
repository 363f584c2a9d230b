// `larder inbox take`: claims the upload that waits longest, and writes its bytes where the user wants them.
//
// The file is whole or not there: bytes go into a hidden file, their size and SHA-256 are compared with what the server
// told, then it is synced and renamed. The id is printed after that, so that an id on standard output means a file that
// survives a power cut. What fails before leaves the upload with its lease; it is offered again when that ends. Blocks.
#pragma once

#include <chrono>
#include <string>

#include "client/client.h"

namespace larder::agent {

struct TakeOptions {
  std::string inbox;
  std::string output;  // a file, a directory, or kStandardOutput; empty: a file named by the id, here
  std::chrono::seconds lease{600};
  bool json = false;
};

// Returns the exit status. It has printed everything.
[[nodiscard]] int take_upload(Client& client, const TakeOptions& options);

// Sends a request to larder-inbox; a status from 400 becomes the Error of its answer. One that was sent is not sent
// again by itself: a take whose answer is lost has its lease.
[[nodiscard]] Result<Answer> ask_inbox(Client& client, std::string_view method, const std::string& target,
                                       const std::string& body = {});

}  // namespace larder::agent

// How one file comes to its application: the seam between the deliverer, which decides when, and the ways there are
// (a directory, a program, an HTTP server). Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_function.h"
#include "inbox/ledger/upload_row.h"

namespace larder::inbox {

// What became of one attempt.
struct AttemptEnd {
  enum class Kind {
    took,     // the application has it
    refused,  // it does not want it, for good
    again,    // it did not say: it is told again later, with the same id and the next attempt
  };
  Kind kind = Kind::again;
  std::string result;  // for a person: what the application said, or why it could not be told
  // Of took: what the client may have of the application (BITS upload-reply).
  std::optional<std::string> reply = {};  // the bytes of it, at most max_reply of the inbox
  std::string reply_url = {};             // where it is, and then there are no bytes; empty: no reply there
  int status = 422;                       // of refused: that of the client's answer
  std::chrono::seconds retry_after{0};    // of again: not before
};

class HandOver {
 public:
  using Done = UniqueFunction<void(AttemptEnd)>;

  virtual ~HandOver() = default;
  // Tells the application of an upload that is delivering. `done` comes once, later, on the loop; not where the
  // HandOver ends before. `resumed`: this process did not begin the attempt, another one did and has ended since.
  virtual void begin(const UploadRow& row, bool resumed, Done done) = 0;
  // True: an attempt ends by itself, so a service that stops waits for it. False: the application takes what time it
  // likes, and the next process takes the attempt up.
  [[nodiscard]] virtual bool ends_by_itself() const = 0;
};

}  // namespace larder::inbox

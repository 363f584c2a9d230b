// Asks somebody whether a whole upload may be accepted: a virus scanner, a check of the format.
#pragma once

#include <string>

#include "base/unique_function.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

struct Verdict {
  enum class Kind {
    good,
    refused,      // for good: the client gets `text`, and the content is set aside for a while
    unavailable,  // nobody could say: it stays sealed, and is asked again later
  };
  Kind kind = Kind::good;
  std::string text;  // for a person
};

class VerdictHook {
 public:
  virtual ~VerdictHook() = default;
  // False: uploads to this inbox are good as they are, and are accepted in the transaction that seals them.
  [[nodiscard]] virtual bool judges(const std::string& inbox) const {
    (void)inbox;
    return true;
  }
  // `path` is the whole file, to be read only. `done` comes once, on the loop, never within the call. The same upload
  // may be asked for again: after `unavailable`, and after a restart.
  virtual void judge(UploadStatus upload, std::string principal, std::string path,
                     UniqueFunction<void(Verdict)> done) = 0;
};

}  // namespace larder::inbox

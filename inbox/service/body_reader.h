// Where the bytes of a part come from: the body of a request (http::Exchange::read_body() has this form).
#pragma once

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/unique_function.h"

namespace larder::inbox {

class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece, an empty one at the end; an error where the client does not send the rest. `ready` comes once on
  // the loop, never within the call; or it is destroyed uncalled, which means the same as connection_lost. One call at
  // a time. Who waits with the next call makes the client wait. The reader may be destroyed while a call is under way;
  // then `ready` is not wanted any more.
  virtual void read(UniqueFunction<void(Result<Buffer>)> ready) = 0;
};

}  // namespace larder::inbox

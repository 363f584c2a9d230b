// Ids for new contents: one after another in the order of the index, in runs.
//
// An id is 32 hex digits: two that change every kContentsPerPrefix contents, eleven of the time in milliseconds, five
// that count, and fourteen from the operating system's random source. Rows of contents made at about the same time thus
// lie together in every table keyed by id, and their files in one directory: a thousand small files change a few pages
// and directories, not a page and a directory each. No code may derive anything from an id.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/runtime/clock.h"
#include "cache/record/record.h"

namespace larder::cache {

class ContentIds {
 public:
  ContentIds();
  static constexpr std::uint32_t kContentsPerPrefix = 256;  // contents in a row in one directory

  [[nodiscard]] ContentId next(WallTime now);

 private:
  const std::unique_ptr<Random> random_;
  std::string prefix_;
  std::uint32_t count_ = 0;
};

}  // namespace larder::cache

// A file that is uploaded: an open descriptor, read at offsets. Any thread.
#pragma once

#include "base/io/unique_fd.h"
#include "base/result.h"
#include "origin/upload/uploads.h"

namespace larder::agent {

// Returns what the descriptor's file is. Error: invalid_argument, unless it is a regular file opened for reading alone:
// the agent never writes to a caller's file, and reads none that the caller could not read.
[[nodiscard]] Result<origin::SourceIdentity> check_descriptor(int descriptor);

class SourceFile final : public origin::UploadSource {
 public:
  explicit SourceFile(UniqueFd file) : file_(std::move(file)) {}

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override;
  [[nodiscard]] Result<origin::SourceIdentity> identity() const override;
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  const UniqueFd file_;
};

}  // namespace larder::agent

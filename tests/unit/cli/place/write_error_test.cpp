#include "agent/cli/place/write_error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

namespace larder::agent {
namespace {

TEST(WriteError, SaysWhatTheUserCanDoAboutIt) {
  const struct {
    int number;
    ErrorCode code;
  } rows[] = {
      {ENOSPC, ErrorCode::disk_full},        {EDQUOT, ErrorCode::disk_full},
      {EFBIG, ErrorCode::disk_full},         {EACCES, ErrorCode::permission_denied},
      {EPERM, ErrorCode::permission_denied}, {EROFS, ErrorCode::permission_denied},
      {EIO, ErrorCode::disk_error},          {EBADF, ErrorCode::disk_error},
      {ENOENT, ErrorCode::disk_error},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(code_of_write(row.number), row.code) << std::strerror(row.number);
    const Error error = error_of_write(row.number, "write /a/b");
    EXPECT_EQ(error.code, row.code) << std::strerror(row.number);
    EXPECT_EQ(error.doing, "write /a/b");
    if (row.number != EFBIG) {
      EXPECT_EQ(error.detail, std::strerror(row.number));
    }
  }
  EXPECT_NE(error_of_write(EFBIG, "write /a/b").detail.find("ulimit -f"), std::string::npos)
      << "not that a file is large";
}

}  // namespace
}  // namespace larder::agent

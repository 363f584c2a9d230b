// The one table that maps an error code to its form in each interface.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace larder {

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;  // stable: API "code" field, logs, metrics
  bool retryable;         // a job with it goes to transient_error instead of error
  int exit_status;        // of the command line; documented in docs/exit-status.md
  int http_status;        // of the API
};

// Every code has exactly one row; tests compare the table with the enum.
[[nodiscard]] std::span<const ErrorInfo> error_table();
[[nodiscard]] const ErrorInfo& error_info(ErrorCode code);
[[nodiscard]] std::optional<ErrorCode> error_code_from_name(std::string_view name);

}  // namespace larder

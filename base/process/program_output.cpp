#include "base/process/program_output.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/error_table.h"
#include "base/io/standard_streams.h"

namespace larder {

int print_output(std::string_view program, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return 0;
  say(fmt::format("{}: cannot write to standard output: it is closed or full\n", program));
  return error_info(ErrorCode::disk_error).exit_status;
}

int report_failure(std::string_view program, const Error& error) {
  say(fmt::format("{}: {}\n", program, error.text()));
  return error_info(error.code).exit_status;
}

}  // namespace larder

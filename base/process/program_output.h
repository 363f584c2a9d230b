// What a daemon's command line says: text that was asked for, and why it failed. Before the loop runs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace larder {

// Prints text that was requested. Returns 0, or the exit status for output that could not be written.
[[nodiscard]] int print_output(std::string_view program, const std::string& text);
// Says "PROGRAM: cannot …" on standard error. Returns the exit status of the error (base/error_table.h).
[[nodiscard]] int report_failure(std::string_view program, const Error& error);

}  // namespace larder

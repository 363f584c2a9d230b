// Descriptors 0 to 2 and the signals of failed writes, for both programs: a message without a reader must not end the
// process, and must not be written to a socket that got a standard descriptor's number.
#pragma once

#include <chrono>
#include <string_view>

namespace larder {

// Opens those of the descriptors 0 to 2 that are closed on /dev/null: 0 write-only and 1 and 2 read-only, so that reads
// and writes fail as on a closed descriptor. To be called first in main.
void hold_standard_descriptors();

// Ignores SIGPIPE and SIGXFSZ: the errors EPIPE and EFBIG say the same and can be handled.
void ignore_write_signals();
// Restores both signals as at the start of the process; for a child between fork and exec.
void restore_write_signals();
// Ends the process by SIGPIPE, for a program whose output has no reader any more. If the process was started with that
// signal ignored, returns the exit status that a shell would show.
int end_by_broken_pipe();

// Writes text to standard error. Never throws: if standard error is closed, full, or a pipe that was not read for
// `patience`, the rest of the text is lost. Returns whether all of it was written.
bool say(std::string_view text, std::chrono::milliseconds patience = std::chrono::seconds(1)) noexcept;

}  // namespace larder

// Descriptors 0 to 2 and the signals that a failed write would raise, for both programs: a message that nobody reads
// must not end the work, and must not land in a socket that got a standard descriptor's number.
#pragma once

#include <chrono>
#include <string_view>

namespace larder {

// First thing in main: what is closed of the descriptors 0 to 2 is opened on /dev/null, the wrong way round, so that
// reading from the one and writing to the others fail as they do on a closed descriptor.
void hold_standard_descriptors();

// SIGPIPE and SIGXFSZ are ignored: EPIPE and EFBIG tell the same and can be handled.
void ignore_write_signals();
// In a child between fork and exec: as they were when the process started.
void restore_write_signals();
// What a program does whose reader has gone: ends the process by SIGPIPE, unless the process was started with that
// signal ignored; then the exit status that a shell would show is returned.
int end_by_broken_pipe();

// Text to standard error. Never fails and never throws: where standard error is closed, full, or a pipe that nobody has
// read from for `patience`, the rest of the text is lost. Whether all of it went out.
bool say(std::string_view text, std::chrono::milliseconds patience = std::chrono::seconds(1)) noexcept;

}  // namespace larder

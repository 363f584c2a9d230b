// Settings of the process, made before anything else runs.
#pragma once

namespace larder {

// Opens descriptors 0 to 2, sets umask 077, ignores SIGPIPE and SIGXFSZ, unblocks all signals, writes no core files,
// raises the limits of open files and file size, and makes malloc return memory.
void set_up_process();
// Returns freed memory to the system; called after a burst of work.
void trim_memory();

}  // namespace larder

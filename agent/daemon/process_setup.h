// What the process is set to before anything else runs.
#pragma once

namespace larder::agent {

// Descriptors 0 to 2 are open, umask 077, SIGPIPE and SIGXFSZ ignored, as many open files and as large ones as allowed,
// malloc that gives memory back.
void set_up_process();
// Gives freed memory back to the system; after a burst of work.
void trim_memory();

}  // namespace larder::agent

// A file as the body of an answer: read piece by piece on the worker threads, as fast as it is sent. Loop thread only.
#pragma once

#include <memory>

#include "base/http/message/message.h"
#include "base/io/file_system.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"

namespace larder::inbox {

// Those bytes of the file. A read that fails, or a file that is shorter, breaks the answer off (content_damaged). The
// loop and the pool outlive the connection; the pool ends first.
[[nodiscard]] std::shared_ptr<http::BodySource> make_file_source(std::shared_ptr<File> file, ByteRange bytes,
                                                                 Runtime runtime, WorkerPool& disk);

}  // namespace larder::inbox

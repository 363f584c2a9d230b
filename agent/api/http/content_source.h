// The bytes of a content as the body of an answer: read piece by piece on the disk threads, as fast as they are sent.
// Loop thread only.
#pragma once

#include <memory>

#include "agent/api/http/http_message.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "base/text/units.h"

namespace larder::agent {

inline constexpr std::size_t kContentPiece = 256 * kKiB;

// `range` lies within the content. A failed or short read breaks the answer off (content_damaged).
[[nodiscard]] std::shared_ptr<BodySource> make_content_source(std::shared_ptr<cache::ContentLease> lease,
                                                              ByteRange range, Executor& executor, Timers& timers,
                                                              WorkerPool& disk);

}  // namespace larder::agent

// How the cache answers: once, on the loop thread, after the call has returned.
#pragma once

#include "base/result.h"
#include "base/unique_function.h"

namespace larder::cache {

template <class T>
using Done = UniqueFunction<void(Result<T>)>;

}  // namespace larder::cache

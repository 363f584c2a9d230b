// The full check of a cache at rest: index against files, leaves and roots against the bytes, totals against the
// records. Reads every byte. Knows the format from docs/formats/cache.md, not from the cache's code.
#pragma once

#include <string>
#include <vector>

namespace larder::test {

// What is wrong, one line each; empty: nothing.
[[nodiscard]] std::vector<std::string> check_consistency(const std::string& state_directory);

}  // namespace larder::test

// What a fuzz target holds true of every input: a false condition ends the program, so that the fuzzer keeps the input.
#pragma once

#include <cstdlib>

inline void must(bool condition) {
  if (!condition) std::abort();
}

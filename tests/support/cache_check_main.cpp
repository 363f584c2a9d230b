// larder_cache_check STATE_DIR: exit 0 when the cache is consistent, 1 with the problems on stdout, 2 for wrong usage.
#include <cstdio>

#include "tests/support/cache_check.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: larder_cache_check STATE_DIR\n");
    return 2;
  }
  const auto problems = larder::test::check_consistency(argv[1]);
  for (const std::string& problem : problems) std::printf("%s\n", problem.c_str());
  return problems.empty() ? 0 : 1;
}

// Prints the table of docs/configuration.md; a test compares the page with it.
#include <cstdio>

#include "agent/config/config.h"

int main() {
  return std::fputs(larder::agent::config_as_markdown().c_str(), stdout) < 0 ? 1 : 0;
}

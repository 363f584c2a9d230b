#include <fmt/format.h>

#include <map>
#include <vector>

#include "agent/cli/command/commands.h"
#include "base/error_table.h"

namespace larder::agent {

std::string exit_status_page() {
  std::map<int, std::vector<std::string>> rows = {
      {0, {"success"}}, {1, {}}, {2, {"usage: the command line was not understood"}}};
  rows[kNothingWaits].push_back("`larder inbox take`: nothing waits in that inbox");
  for (const ErrorInfo& info : error_table()) rows[info.exit_status].push_back(fmt::format("`{}`", info.name));
  std::string page =
      "# Exit statuses of `larder`\n\n"
      "Made by `larder --exit-statuses`; a test holds this page against the program. The words are the `code` of "
      "errors\n"
      "in the API and in `--json`. `larder get` and `larder put` of several files end with the status of the job's "
      "error.\n"
      "`larder doctor` ends with 1 when anything is bad.\n\n"
      "| status | meaning |\n|---|---|\n";
  for (const auto& [status, names] : rows) {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    page += fmt::format("| {} | {} |\n", status, all);
  }
  return page +
         "| 129 | the terminal went away (SIGHUP): the job is suspended, the same command goes on |\n"
         "| 130 | interrupted (Ctrl-C): the same |\n"
         "| 131 | quit (SIGQUIT): the same |\n"
         "| 141 | the reader of standard output went away (SIGPIPE): the job is ended, nothing is kept |\n"
         "| 143 | terminated (SIGTERM): as 130 |\n";
}

}  // namespace larder::agent

// The options of `larder put` as typed, and their meaning. Pure but for the reader of files.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/get/get_options.h"
#include "agent/cli/put/put_plan.h"

namespace larder::agent {

struct PutOptions {
  RequestOptions request;          // its `urls` are made here
  std::vector<std::string> words;  // FILE… URL
  std::string transaction, protocol = "auto", reply_file, sent_as;
  bool transaction_given = false;
  bool spool = false, overwrite = false, json = false, quiet = false;
};

[[nodiscard]] Result<PutPlan> make_put_plan(const PutOptions& options, const FileReader& read);

}  // namespace larder::agent

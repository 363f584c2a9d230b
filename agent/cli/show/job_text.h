// Jobs as text for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/views.h"

namespace larder::agent {

[[nodiscard]] std::string job_line(const JobView& job);
[[nodiscard]] std::string job_table(const std::vector<JobView>& jobs);
[[nodiscard]] std::string job_page(const JobView& job);

}  // namespace larder::agent

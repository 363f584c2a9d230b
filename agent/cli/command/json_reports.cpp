#include "agent/cli/command/json_reports.h"

#include <nlohmann/json.hpp>

#include "agent/cli/command/doctor.h"
#include "agent/config/config.h"

namespace larder::agent {
namespace {

using nlohmann::json;

// Paths and messages of the machine need not be UTF-8: invalid bytes become replacement characters.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string doctor_report(const std::vector<DoctorLine>& lines) {
  json list = json::array();
  for (const DoctorLine& line : lines) {
    json one = {{"check", line.check}, {"grade", grade_name(line.grade)}, {"finding", line.finding}};
    if (!line.advice.empty()) one["advice"] = line.advice;
    list.push_back(std::move(one));
  }
  return dump({{"checks", std::move(list)}});
}

std::string config_keys_report(const std::vector<ConfigKey>& keys) {
  json list = json::array();
  for (const ConfigKey& key : keys)
    list.push_back({{"section", key.section},
                    {"name", key.name},
                    {"kind", key.kind},
                    {"unit", key.unit},
                    {"default", key.default_text},
                    {"range", key.range},
                    {"meaning", key.meaning}});
  return dump({{"keys", std::move(list)}});
}

}  // namespace larder::agent

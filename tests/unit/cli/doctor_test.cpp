#include "agent/cli/doctor.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace larder::agent {
namespace {

DoctorFacts healthy() {
  DoctorFacts facts;
  facts.own_version = "1.0";
  facts.agent_place = "the system's agent at /run/larder/api.sock";
  facts.status.emplace();
  facts.status->version = "1.0";
  facts.status->state_directory = "/var/lib/larder";
  facts.status->available = 100 * kGiB;
  facts.status->keep_free = 10 * kGiB;
  facts.status->max_size = 64 * kGiB;
  facts.state_free = 100 * kGiB;
  facts.open_files_limit = 1024;
  facts.clock_year = 2026;
  facts.larderd = "/usr/bin/larderd";
  return facts;
}

const DoctorLine* find(const std::vector<DoctorLine>& lines, const std::string& check) {
  for (const DoctorLine& line : lines)
    if (line.check == check) return &line;
  return nullptr;
}

TEST(Doctor, FindsNothingWhereAllIsWell) {
  for (const DoctorLine& line : diagnose(healthy())) {
    EXPECT_EQ(line.grade, Grade::ok) << line.check << ": " << line.finding;
    EXPECT_EQ(line.advice, "");
  }
}

struct Trouble {
  const char* check;
  Grade grade;
  std::function<void(DoctorFacts&)> change;
};

TEST(Doctor, NamesEachTroubleAndWhatToDo) {
  JobView failed;
  failed.id = "j1";
  failed.state = "error";
  failed.error = Error{ErrorCode::http_fatal, "fetch x", "404"};
  const Trouble troubles[] = {
      {"agent", Grade::bad,
       [](DoctorFacts& f) {
         f.status.reset();
         f.unreachable = Error{ErrorCode::agent_unreachable, "reach it", "no"};
       }},
      {"version", Grade::warn, [](DoctorFacts& f) { f.status->version = "0.9"; }},
      {"state", Grade::bad, [](DoctorFacts& f) { f.state_trouble = "others may write there"; }},
      {"state", Grade::bad, [](DoctorFacts& f) { f.state_free = kMiB; }},
      {"cache", Grade::warn, [](DoctorFacts& f) { f.status->available = kGiB; }},
      {"cache", Grade::warn, [](DoctorFacts& f) { f.status->dropped = 1; }},
      {"configuration", Grade::bad,
       [](DoctorFacts& f) {
         f.config_error = Error{ErrorCode::config_invalid, "read it", "line 3"};
       }},
      {"clock", Grade::bad, [](DoctorFacts& f) { f.clock_year = 1970; }},
      {"clock", Grade::warn, [](DoctorFacts& f) { f.clock_synchronised = false; }},
      {"limits", Grade::warn, [](DoctorFacts& f) { f.open_files_limit = 64; }},
      {"proxy", Grade::warn, [](DoctorFacts& f) { f.proxy_variables = {"http_proxy=x"}; }},
      {"jobs", Grade::warn, [&](DoctorFacts& f) { f.jobs = {failed}; }},
      {"job j1", Grade::warn, [&](DoctorFacts& f) { f.jobs = {failed}; }},
  };
  for (const Trouble& trouble : troubles) {
    DoctorFacts facts = healthy();
    trouble.change(facts);
    const auto lines = diagnose(facts);
    const DoctorLine* line = find(lines, trouble.check);
    ASSERT_NE(line, nullptr) << trouble.check;
    EXPECT_EQ(line->grade, trouble.grade) << trouble.check;
    EXPECT_NE(line->advice, "") << trouble.check;
    EXPECT_NE(doctor_text(lines).find("->"), std::string::npos);
  }
}

}  // namespace
}  // namespace larder::agent

#include "agent/cli/command/doctor.h"

#include <gtest/gtest.h>

#include "base/text/units.h"

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
  PeersView& peers = facts.peers.emplace();
  peers.enabled = peers.in_group = peers.up = peers.use = peers.serving = peers.multicast = true;
  peers.offered = 3;
  peers.multicast_interfaces = 1;
  peers.multicast_hellos = 5;
  peers.peers.emplace_back().last_heard_s = 2;
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
      {"group", Grade::warn, [](DoctorFacts& f) { f.peers->in_group = false; }},
      {"sharing", Grade::bad,
       [](DoctorFacts& f) {
         f.peers->up = false;
         f.peers->trouble = "cannot listen on UDP 0.0.0.0:7475: another program has the port";
       }},
      {"peers", Grade::warn, [](DoctorFacts& f) { f.peers->peers.clear(); }},
      {"network", Grade::warn, [](DoctorFacts& f) { f.peers->trouble = "cannot send"; }},
      {"multicast", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->multicast_hellos = 0;
         f.peers->unicast_hellos = 3;
       }},
      {"multicast", Grade::warn, [](DoctorFacts& f) { f.peers->multicast_interfaces = 0; }},
      {"serving", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->serving = false;
         f.peers->serving_trouble = "peer.serve is false";
       }},
      {"serving", Grade::warn, [](DoctorFacts& f) { f.peers->offered = 0; }},
      {"time", Grade::warn, [](DoctorFacts& f) { f.peers->clock_rejections = 1; }},
      {"peers", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->peers.clear();
         f.peers->alone_for_s = 7200;
       }},
      {"listening", Grade::warn,
       [](DoctorFacts& f) { f.peers->listening_trouble = "the swarm does not listen on TCP 7476 of 10.0.0.2"; }},
      {"serving", Grade::warn, [](DoctorFacts& f) { f.peers->listening_trouble = "the swarm does not listen"; }},
      {"reached", Grade::warn,
       [](DoctorFacts& f) { f.peers->unreached_trouble = "TCP 7476 of this machine does not answer desk-12"; }},
      {"serving", Grade::warn, [](DoctorFacts& f) { f.peers->unreached_trouble = "TCP 7476 does not answer"; }},
      {"identity", Grade::bad,
       [](DoctorFacts& f) {
         f.peers->copied = "another machine runs with this agent's identity";
         f.peers->copied_command = "larder group leave && larder group join INVITATION";
       }},
      {"peer bbbbbbbb", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->peers[0].id = "bbbbbbbbcccc";
         f.peers->peers[0].unreachable = "TCP 7476 of 10.0.0.2 does not answer (no answer within 3 s, 2 times)";
       }},
      {"peer bbbbbbbb", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->peers[0].id = "bbbbbbbbcccc";
         f.peers->peers[0].second_place = "10.0.0.3";
       }},
      {"use", Grade::warn, [](DoctorFacts& f) { f.peers->use = false; }},
      {"peer bbbbbbbb", Grade::warn,
       [](DoctorFacts& f) {
         f.peers->peers[0].id = "bbbbbbbbcccc";
         f.peers->peers[0].shunned = "it sent damaged blocks";
       }},
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

TEST(Doctor, SaysWhatIsNotReachedInTheWordsOfTheAgentAndWhatToRunOnACopy) {
  DoctorFacts facts = healthy();
  facts.peers->peers[0].id = "bbbbbbbbcccc";
  facts.peers->peers[0].unreachable = "TCP 7476 of 10.88.0.1 does not answer (no answer within 3 s, 2 times)";
  facts.peers->copied = "another machine runs with this agent's identity";
  facts.peers->copied_command = "larder group leave && larder group join INVITATION";
  const std::string text = doctor_text(diagnose(facts));
  EXPECT_NE(text.find("TCP 7476 of 10.88.0.1 does not answer"), std::string::npos) << text;
  EXPECT_NE(text.find("larder group leave && larder group join INVITATION"), std::string::npos) << text;
  const std::string page = peers_page(*facts.peers);
  EXPECT_NE(page.find("TCP 7476 of 10.88.0.1 does not answer"), std::string::npos) << page;
  EXPECT_NE(page.find("larder group leave && larder group join INVITATION"), std::string::npos) << page;
  for (int i = 0; i < 50; ++i) facts.peers->peers.push_back(facts.peers->peers[0]);
  const auto lines = diagnose(facts);
  EXPECT_LT(lines.size(), 40U) << "of many a few are named";
}

TEST(Doctor, SaysWhyNobodyElseHasTheBenefit) {
  DoctorFacts facts = healthy();
  JobView& job = facts.jobs.emplace_back();
  job.id = "j1";
  job.state = "transferring";
  job.not_shared = NotSharedView{"callers_proxy", "the job names a proxy of its own", "origin.proxy", false};
  auto lines = diagnose(facts);
  const DoctorLine* line = find(lines, "job j1");
  ASSERT_NE(line, nullptr);
  EXPECT_EQ(line->grade, Grade::warn);
  EXPECT_EQ(line->finding, "not shared: the job names a proxy of its own");
  EXPECT_NE(line->advice.find("origin.proxy"), std::string::npos);
  facts.jobs[0].not_shared = NotSharedView{"says_no_store", "the origin says no-store", "", false};
  lines = diagnose(facts);
  EXPECT_EQ(find(lines, "job j1")->grade, Grade::ok) << "nothing that an admin could mend";
  facts.jobs[0].not_shared = NotSharedView{"loopback_answer", "it comes from here", "origin.share_loopback", true};
  lines = diagnose(facts);
  EXPECT_EQ(find(lines, "job j1")->finding, "not offered to neighbours: it comes from here");
  EXPECT_EQ(find(lines, "job j1")->grade, Grade::ok) << "so it shall be";
  facts.jobs.resize(30, facts.jobs[0]);
  EXPECT_LT(diagnose(facts).size(), 30U);
}

TEST(Doctor, WithoutSharingThereIsNothingToMend) {
  DoctorFacts facts = healthy();
  facts.peers->enabled = facts.peers->up = facts.peers->in_group = false;
  for (const DoctorLine& line : diagnose(facts)) EXPECT_EQ(line.grade, Grade::ok) << line.check;
}

TEST(PeersPage, HasEachAgentAndWhatStandsInTheWay) {
  const auto view = parse_peers(R"({"id":"aaaaaaaaaaaaaaaa","enabled":true,"in_group":true,"up":true,"trouble":null,
    "use":false,"serving":false,"serving_trouble":"peer.serve is false","offered":4,"catalogue_port":7475,
    "swarm_port":7476,"discovery_port":7475,"multicast":true,"multicast_interfaces":1,"multicast_hellos":1,
    "unicast_hellos":0,"clock_rejections":0,"peers":[
    {"id":"bbbbbbbbbbbb","name":"desk\u001b[2J","address":"192.0.2.7:7475","serving":true,"multicast":true,"load":2,
     "last_heard_s":3.2,"shunned":null,"shunned_until":null},
    {"id":"cccccccccccc","name":null,"address":null,"serving":false,"multicast":false,"load":0,"last_heard_s":null,
     "shunned":"it sent damaged blocks","shunned_until":"2026-01-01T00:00:00.000Z"}]})");
  ASSERT_TRUE(view) << view.error().text();
  const std::string page = peers_page(*view);
  for (const char* part :
       {"aaaaaaaa", "peer.serve is false", "peer.use is false", "4 contents", "bbbbbbbb", "192.0.2.7:7475",
        "serves, 2 now", "3 s", "cccccccc", "not around", "shunned until 2026", "damaged blocks"})
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n" << page;
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(peers_summary(*view), "1 around; 4 contents offered");
  EXPECT_FALSE(parse_peers(R"({"peers":3})"));
  EXPECT_FALSE(parse_peers("[]x"));
}

}  // namespace
}  // namespace larder::agent

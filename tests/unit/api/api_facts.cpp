// What the server knows of itself, as JSON, for api_document_test.py: the route table, views with every member set, and
// request bodies with every member that the parsers take.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/api/http/router.h"
#include "agent/api/json/group_json.h"
#include "agent/api/json/job_json.h"
#include "agent/api/json/json_writer.h"
#include "agent/api/json/peers_json.h"
#include "agent/api/json/view_json.h"
#include "base/error_table.h"
#include "origin/rules/sharing_rules.h"
#include "tests/unit/api/fakes.h"

namespace larder::agent {
namespace {

void write_routes(JsonWriter& json) {
  json.key("routes").begin_array();
  for (const Route& route : routes()) {
    json.begin_object().member("method", route.method).member("path", route.path).member("query", route.query);
    json.member("admin", route.admin).member("loopback", route.loopback).end_object();
  }
  json.end_array();
  json.key("codes").begin_array();
  for (const ErrorInfo& info : error_table()) json.value(info.name);
  json.end_array();
  json.key("reasons").begin_array();  // why something is not shared
  for (std::size_t i = 0; i < origin::kPrivacies; ++i) {
    const origin::PrivacyInfo& info = origin::privacy_info(static_cast<origin::Privacy>(i));
    if (info.reach != origin::Reach::everybody) json.value(info.code);
  }
  json.end_array();
}

SharingFacts sample_peers() {
  SharingFacts facts;
  facts.id = std::string(64, 'a');
  facts.trouble = "cannot listen";
  facts.serving_trouble = "peer.serve is false";
  PeerFact& peer = facts.peers.emplace_back();
  peer.id = std::string(64, 'b');
  peer.name = "desk-12";
  peer.address = "192.0.2.7:7475";
  peer.last_heard = std::chrono::milliseconds(1500);
  peer.shunned = "it sent damaged blocks";
  peer.shunned_until = WallTime{};
  peer.doubted = "this agent's own download contradicts it";
  peer.doubted_until = WallTime{};
  peer.unreachable = "TCP 7476 of 192.0.2.7 does not answer (no answer within 3 s, 2 times)";
  peer.cannot_reach = "TCP 7476";
  peer.second_place = "192.0.2.8";
  peer.version = "0.1.0";
  peer.protocol = 1;
  facts.listening_trouble = "the swarm does not listen on TCP 7476 of 192.0.2.1";
  facts.unreached_trouble = "TCP 7476 of this machine does not answer desk-12";
  facts.copied = "another machine runs with this agent's identity";
  facts.copied_command = "larder group leave";
  facts.alone_for = std::chrono::seconds(2);
  return facts;
}

void write_views(JsonWriter& json) {
  Job job = test::sample_job("0123456789abcdef", 17);
  job.files[0].privacy = origin::Privacy::credentials;
  const cache::ContentInfo record = test::sample_record("a1");
  const std::vector<cache::SegmentInfo> segments(1);
  StatusFacts status;
  status.caller = Caller{};
  status.hooks = {"scan"};
  status.notify_commands = {"mail"};
  json.key("views").begin_object();
  json.key("Job").raw(job_view(job, true));
  json.key("Jobs").raw(jobs_view({&job}));
  json.key("FileEvent").raw(file_event_view(job, job.files[0]));
  json.key("FileEventBrief").raw(file_event_brief(job, job.files[0]));
  json.key("ErrorBody").raw(error_view(*job.error));
  json.key("Record").raw(record_view(record, RecordDetail::all));
  json.key("RecordWithSegments").raw(record_view(record, RecordDetail::all, &segments));
  json.key("Records").raw(records_view({record}, "a1", RecordDetail::all));
  json.key("Removed").raw(removed_view(1));
  json.key("Status").raw(status_view(status));
  json.key("Descriptor").raw(descriptor_view(job.files[0]));
  json.key("Descriptors").raw(descriptors_view({&job.files[0]}));
  json.key("ConfigView").raw(config_view(Config{}));
  json.key("Group").raw(group_view(test::sample_group(), true));
  json.key("Peers").raw(peers_view(sample_peers()));
  json.key("Invited").raw(invited_view({"larder-invitation:x", WallTime{}, 1}));
  json.key("Revoked").raw(revoked_view({"a1", 1}));
  json.key("Pardoned").raw(pardoned_view({"a1", true}));
  json.end_object();
}

// Of what is not known yet, is not there, or has not happened: null where a client must bear it.
void write_bare_views(JsonWriter& json) {
  Job job;
  job.id = "0123456789abcdef";
  job.created = job.modified = WallTime{std::chrono::seconds(1)};
  job.files.emplace_back();
  cache::ContentInfo record;
  record.created = WallTime{std::chrono::seconds(1)};
  record.versions.emplace_back();
  const std::vector<cache::SegmentInfo> segments(1);
  SharingFacts sharing;
  sharing.peers.emplace_back();
  GroupFacts group;
  group.members.emplace_back();
  json.key("bare_views").begin_object();
  json.key("Job").raw(job_view(job, true));
  json.key("Jobs").raw(jobs_view({&job}));
  json.key("FileEvent").raw(file_event_view(job, job.files[0]));
  json.key("FileEventBrief").raw(file_event_brief(job, job.files[0]));
  json.key("Record").raw(record_view(record, RecordDetail::of_own_user));
  json.key("Records").raw(records_view({record}, "", RecordDetail::of_own_user));
  json.key("RecordWithSegments").raw(record_view(record, RecordDetail::of_own_user, &segments));
  json.key("Status").raw(status_view(StatusFacts{}));
  json.key("Descriptor").raw(descriptor_view(job.files[0]));
  json.key("Group").raw(group_view(group, false));
  json.key("Peers").raw(peers_view(sharing));
  json.key("ErrorBody").raw(error_view(Error{}));
  json.end_object();
}

// A body that its own parser must take.
template <class T>
void write_body(JsonWriter& json, const char* name, Result<T> (*parser)(std::string_view), const char* body) {
  if (const auto parsed = parser(body); !parsed) {
    std::fprintf(stderr, "%s: %s\n", name, parsed.error().text().c_str());
    std::exit(1);
  }
  json.key(name).raw(body);
}

void write_bodies(JsonWriter& json) {
  json.key("bodies").begin_object();
  write_body(json, "CreateJob", &parse_create,
             R"({"name":"","priority":"high","start":false,
    "files":[{"url":"https://e/x","destination":"/tmp/x","ranges":[[0,10]],"mirrors":["http://m/1"],
              "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","minisign_signature":"s"}],
    "verdict":{"minisign":{"public_key":"pk","signature":"sig"},"hook":"scan","app":true},
    "max_rate":1,"max_file_size":1,"parallel_ranges":4,"use_cache":false,"store":false,"redirect_loopback":true,
    "use_peers":false,"share":false,"offline_ok":true,
    "retry_delay_s":0.5,"no_progress_timeout_s":0,"maximum_time_s":3600,"notify":"mail",
    "connect":{"headers":[["X-A","1"]],"user":"u","password":"p","proxy":"none","proxy_user":"pu",
      "proxy_password":"pp","ca_certificates":"CA","client_certificate":"C","client_key":"K","client_key_password":"kp",
      "http":"1.0"}})");
  write_body(json, "AddFiles", &parse_files, R"({"files":[]})");
  write_body(json, "ChangeJob", &parse_change,
             R"({"name":"n","priority":"low","max_rate":1,"retry_delay_s":1,"no_progress_timeout_s":1,
    "maximum_time_s":1,"notify":"n"})");
  write_body(json, "Verdict", &parse_verdict, R"({"valid":true,"reason":"r"})");
  write_body(json, "Retarget", &parse_retarget, R"({"url":"u"})");
  write_body(json, "WhichFiles", &parse_descriptors, R"({"files":[0]})");
  write_body(json, "Pin", &parse_pin, R"({"pinned":true})");
  write_body(json, "CreateGroup", &parse_group_create, R"({"name":"Office"})");
  write_body(json, "Invite", &parse_group_invite, R"({"uses":1,"expires_s":86400})");
  write_body(json, "Join", &parse_group_join, R"({"invitation":"larder-invitation:x"})");
  write_body(json, "Leave", &parse_group_leave, R"({"give_up_authority":true})");
  write_body(json, "Revoke", &parse_group_revoke, R"({"agent":"a1b2c3d4"})");
  json.end_object();
}

}  // namespace
}  // namespace larder::agent

int main() {
  larder::agent::JsonWriter json;
  json.begin_object();
  larder::agent::write_routes(json);
  larder::agent::write_views(json);
  larder::agent::write_bare_views(json);
  larder::agent::write_bodies(json);
  json.end_object();
  return std::puts(json.take().c_str()) < 0 ? 1 : 0;
}

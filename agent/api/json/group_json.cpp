#include "agent/api/json/group_json.h"

#include "agent/api/json/job_json.h"
#include "agent/api/json/json_reader.h"
#include "agent/api/json/json_writer.h"
#include "base/error_table.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxInvitation = 16 * 1024;
constexpr std::size_t kMaxUses = 10'000;
constexpr Duration kMaxLifetime = std::chrono::hours(24 * 365);

template <class T, class Read>
Result<T> read_into(std::string_view body, Read read) {
  T target{};
  const auto value = parse_bounded(body.empty() ? "{}" : body, kMaxJsonDepth, kMaxJsonValues);
  if (!value) return tl::unexpected<Error>(value.error());
  std::optional<std::string> error;
  JsonReader reader(*value, "", error);
  read(reader, target);
  reader.finish();
  if (error) return fail(ErrorCode::invalid_argument, "read the request", *error);
  return target;
}

Result<std::string> read_text(std::string_view body, const char* name, std::size_t longest) {
  return read_into<std::string>(body, [&](JsonReader& reader, std::string& text) {
    reader.require(name);
    reader.text(name, text, longest);
  });
}

std::string_view role_name(GroupRole role) {
  switch (role) {
    case GroupRole::none:
      break;
    case GroupRole::member:
      return "member";
    case GroupRole::authority:
      return "authority";
  }
  return "none";
}

void write_time(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time) {
  json.member_or_null(name, time ? format_time(*time) : "");
}

void write_members(JsonWriter& json, const std::vector<GroupMemberFacts>& members) {
  json.key("members").begin_array();
  for (const GroupMemberFacts& member : members) {
    json.begin_object().member("id", member.id).member_or_null("name", member.name);
    json.member_or_null("address", member.address);
    write_time(json, "certified_until", member.certified_until);
    json.end_object();
  }
  json.end_array();
}

void write_invitations(JsonWriter& json, const std::vector<GroupFacts::Invitation>& invitations) {
  json.key("invitations").begin_array();
  for (const auto& invitation : invitations) {
    json.begin_object().member("expires", format_time(invitation.expires)).member("uses_left", invitation.uses_left);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

Result<std::string> parse_group_create(std::string_view body) {
  return read_text(body, "name", kMaxText);
}

Result<InviteRequest> parse_group_invite(std::string_view body) {
  return read_into<InviteRequest>(body, [](JsonReader& reader, InviteRequest& request) {
    reader.count("uses", request.uses, 1, kMaxUses);
    reader.duration("expires_s", request.lifetime, kMaxLifetime);
  });
}

Result<std::string> parse_group_join(std::string_view body) {
  return read_text(body, "invitation", kMaxInvitation);
}

Result<bool> parse_group_leave(std::string_view body) {
  return read_into<bool>(body, [](JsonReader& reader, bool& give_up) { reader.flag("give_up_authority", give_up); });
}

Result<std::string> parse_group_revoke(std::string_view body) {
  return read_text(body, "agent", kMaxText);
}

std::string group_view(const GroupFacts& facts, bool admin) {
  JsonWriter json;
  json.begin_object().member_or_null("name", facts.name).member_or_null("id", facts.id);
  json.member("role", role_name(facts.role)).member("active", facts.active).member("revoked", facts.revoked);
  json.member_or_null("holder", facts.holder);
  json.member("state_version", facts.state_version).member("key_epoch", facts.key_epoch);
  write_time(json, "certificate_expires", facts.certificate_expires);
  write_members(json, facts.members);
  json.key("revoked_agents").begin_array();
  for (const auto& agent : facts.revoked_agents)
    json.begin_object().member("id", agent.id).member("at", format_time(agent.at)).end_object();
  json.end_array();
  if (admin) write_invitations(json, facts.invitations);
  json.member_or_null("problem", facts.problem ? facts.problem->text() : "");
  json.end_object();
  return json.take();
}

std::string invited_view(const InviteAnswer& answer) {
  JsonWriter json;
  json.begin_object().member("invitation", answer.line).member("expires", format_time(answer.expires));
  json.member("uses", answer.uses).end_object();
  return json.take();
}

std::string revoked_view(const RevokeAnswer& answer) {
  JsonWriter json;
  json.begin_object().member("id", answer.id).member("invitations_closed", answer.invitations_closed).end_object();
  return json.take();
}

}  // namespace larder::agent

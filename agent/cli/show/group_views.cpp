#include "agent/cli/show/group_views.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/cli/show/progress.h"

namespace larder::agent {
namespace {

using nlohmann::json;

// Catches the exceptions of nlohmann's accessors on a wrong type in `read`.
template <class T, class Read>
Result<T> parse(std::string_view text, Read read) {
  try {
    T value;
    read(json::parse(text), value);
    return value;
  } catch (const json::exception& e) {
    return fail(ErrorCode::agent_answer_invalid, "read the agent's answer", e.what());
  }
}

template <class T>
void get(const json& from, const char* name, T& into) {
  const auto found = from.find(name);
  if (found != from.end() && !found->is_null()) into = found->get<T>();
}

template <class T, class Read>
void get_each(const json& from, const char* name, std::vector<T>& into, Read read) {
  const auto found = from.find(name);
  if (found == from.end()) return;
  for (const json& one : found->get_ref<const json::array_t&>()) read(one, into.emplace_back());
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string member_lines(const GroupView& group) {
  if (group.members.empty()) return "members         none known\n";
  std::string page = "members\n";
  for (const GroupView::Member& member : group.members) {
    page += fmt::format("  {:<16}  {:<24}  {:<24}  {}\n", printable(member.id.substr(0, 16)), printable(member.name),
                        member.address.empty() ? "not in reach" : printable(member.address),
                        member.certified_until.empty() ? "" : "until " + printable(member.certified_until));
  }
  return page;
}

}  // namespace

Result<GroupView> parse_group(std::string_view text) {
  return parse<GroupView>(text, [](const json& from, GroupView& group) {
    get(from, "name", group.name);
    get(from, "id", group.id);
    get(from, "role", group.role);
    get(from, "active", group.active);
    get(from, "revoked", group.revoked);
    get(from, "holder", group.holder);
    get(from, "state_version", group.state_version);
    get(from, "key_epoch", group.key_epoch);
    get(from, "certificate_expires", group.certificate_expires);
    get(from, "problem", group.problem);
    get_each(from, "members", group.members, [](const json& one, GroupView::Member& member) {
      get(one, "id", member.id);
      get(one, "name", member.name);
      get(one, "address", member.address);
      get(one, "certified_until", member.certified_until);
    });
    get_each(from, "revoked_agents", group.revoked_agents, [](const json& one, GroupView::Revoked& revoked) {
      get(one, "id", revoked.id);
      get(one, "at", revoked.at);
    });
    get_each(from, "invitations", group.invitations, [](const json& one, GroupView::Invitation& invitation) {
      get(one, "expires", invitation.expires);
      get(one, "uses_left", invitation.uses_left);
    });
  });
}

Result<InvitedView> parse_invited(std::string_view text) {
  return parse<InvitedView>(text, [](const json& from, InvitedView& invited) {
    get(from, "invitation", invited.line);
    get(from, "expires", invited.expires);
    get(from, "uses", invited.uses);
  });
}

Result<RevokedView> parse_revoked(std::string_view text) {
  return parse<RevokedView>(text, [](const json& from, RevokedView& revoked) {
    get(from, "id", revoked.id);
    get(from, "invitations_closed", revoked.invitations_closed);
  });
}

std::string create_group_body(const std::string& name) {
  return dump({{"name", name}});
}
std::string invite_body(std::uint64_t uses, Duration lifetime) {
  return dump({{"uses", uses}, {"expires_s", std::chrono::duration<double>(lifetime).count()}});
}
std::string join_body(const std::string& invitation) {
  return dump({{"invitation", invitation}});
}
std::string leave_body(bool give_up_authority) {
  return dump({{"give_up_authority", give_up_authority}});
}
std::string revoke_body(const std::string& agent) {
  return dump({{"agent", agent}});
}

std::string group_page(const GroupView& group) {
  std::string page;
  const auto add = [&page](const char* label, const std::string& value) {
    page += fmt::format("{:<16}{}\n", label, printable(value));
  };
  if (!group.problem.empty()) add("problem", group.problem);
  if (group.name.empty()) return page + "no group: this agent works alone\n";
  add("group", group.name);
  add("this agent", group.id);
  add("role", group.role == "authority" ? "authority: it invites, renews and revokes"
                                        : fmt::format("member; authority at {}", group.holder.substr(0, 16)));
  if (group.revoked) {
    add("state", "revoked: this agent works alone; leave, and join with a new invitation");
  } else {
    add("state", group.active ? "sharing" : "not sharing: the certificate is not in its time; check the clock");
  }
  add("certificate", "until " + group.certificate_expires);
  add("group state", fmt::format("version {}, key {}", group.state_version, group.key_epoch));
  page += member_lines(group);
  for (const GroupView::Revoked& one : group.revoked_agents)
    add("revoked", fmt::format("{}  at {}", one.id.substr(0, 16), one.at));
  for (const GroupView::Invitation& one : group.invitations)
    add("invitation", fmt::format("open until {}, for {} more", one.expires, one.uses_left));
  return page;
}

}  // namespace larder::agent

#include "agent/api/handlers/handlers.h"
#include "agent/api/json/group_json.h"

namespace larder::agent {
namespace {

// Answers with the group after the change, or with the error.
GroupService::Done<void> answer_group(GroupService& group, Responder respond, int status = 200) {
  return [&group, respond = std::move(respond), status](Status done) mutable {
    if (!done) return respond.fail(done.error());
    respond(json_response(status, group_view(group.facts(), true)));
  };
}

}  // namespace

GroupService* Handlers::group_or_answer(Responder& respond) {
  if (services_.group == nullptr)
    respond.fail({ErrorCode::invalid_state, "use the group", "this agent was started without a part for groups"});
  return services_.group;
}

void Handlers::show_group(const ApiRequest& request, Responder respond) {
  if (GroupService* group = group_or_answer(respond))
    respond(json_response(200, group_view(group->facts(), request.caller.admin)));
}

void Handlers::create_group(const ApiRequest& request, Responder respond) {
  GroupService* group = group_or_answer(respond);
  if (group == nullptr) return;
  auto name = parse_group_create(request.body);
  if (!name) return respond.fail(name.error());
  group->create(std::move(*name), answer_group(*group, std::move(respond), 201));
}

void Handlers::invite(const ApiRequest& request, Responder respond) {
  GroupService* group = group_or_answer(respond);
  if (group == nullptr) return;
  const auto wanted = parse_group_invite(request.body);
  if (!wanted) return respond.fail(wanted.error());
  group->invite(*wanted, [respond = std::move(respond)](Result<InviteAnswer> answer) mutable {
    if (!answer) return respond.fail(answer.error());
    respond(json_response(201, invited_view(*answer)));
  });
}

void Handlers::join_group(const ApiRequest& request, Responder respond) {
  GroupService* group = group_or_answer(respond);
  if (group == nullptr) return;
  auto invitation = parse_group_join(request.body);
  if (!invitation) return respond.fail(invitation.error());
  group->join(std::move(*invitation), answer_group(*group, std::move(respond)));
}

void Handlers::leave_group(const ApiRequest& request, Responder respond) {
  GroupService* group = group_or_answer(respond);
  if (group == nullptr) return;
  const auto give_up_authority = parse_group_leave(request.body);
  if (!give_up_authority) return respond.fail(give_up_authority.error());
  group->leave(*give_up_authority, answer_group(*group, std::move(respond)));
}

void Handlers::revoke_agent(const ApiRequest& request, Responder respond) {
  GroupService* group = group_or_answer(respond);
  if (group == nullptr) return;
  auto agent = parse_group_revoke(request.body);
  if (!agent) return respond.fail(agent.error());
  group->revoke(std::move(*agent), [respond = std::move(respond)](Result<RevokeAnswer> answer) mutable {
    if (!answer) return respond.fail(answer.error());
    respond(json_response(200, revoked_view(*answer)));
  });
}

}  // namespace larder::agent

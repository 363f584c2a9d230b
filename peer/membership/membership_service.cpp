// Membership: its answers to catalogue requests, and its requests to members to keep up with the group.
#include "base/io/log.h"
#include "peer/membership/membership_parts.h"
#include "peer/membership/membership_rules.h"
#include "peer/messages/catalogue_paths.h"

namespace larder::peer {
namespace {

constexpr std::chrono::seconds kFetchAgainAfter{1};
constexpr std::chrono::minutes kRenewAgainAfter{10};
constexpr std::size_t kMaxAnswer = 512 * kKiB;

CatalogueCall call_to(const AgentId& agent, const Endpoint& catalogue, const char* method, std::string_view path) {
  CatalogueCall call;
  call.to = catalogue;
  call.agent = agent;
  call.method = method;
  call.target = std::string(path);
  call.max_answer = kMaxAnswer;
  call.any_status = true;
  return call;
}

}  // namespace

bool Membership::handle(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)>& respond) {
  if (request.path == kEnrolPath && request.method == "POST") {
    answer_enrol(request, std::move(respond));
  } else if (request.path == kGroupPath && request.method == "GET") {
    respond(answer_group(request));
  } else if (request.path == kRenewPath && request.method == "POST" && request.agent) {
    answer_renew(*request.agent, std::move(respond));
  } else {
    return false;
  }
  return true;
}

CatalogueResponse Membership::answer_group(const CatalogueRequest& request) const {
  const Identity* self = identity();
  if (self == nullptr || !request.agent || refused(*request.agent)) return {403, {}};
  return {200, encode(GroupAnswer{self->group.state, self->group.key.epoch(), self->group.key.secret()})};
}

// Returns the refusal's status. For 421 the body names the holder of the authority; the others have no body.
CatalogueResponse Membership::refusal(const Error& error) const {
  if (error.code == ErrorCode::invalid_state && identity() != nullptr) {
    std::vector<CataloguePeer> holder = network_.peers ? network_.peers() : std::vector<CataloguePeer>();
    std::erase_if(holder, [this](const CataloguePeer& one) { return one.agent != identity()->group.state.holder; });
    return {421, encode(holder)};
  }
  if (error.code == ErrorCode::permission_denied) return {403, {}};
  if (error.code == ErrorCode::invalid_argument) return {400, {}};
  return {error.code == ErrorCode::limit_exceeded ? 429U : 503U, {}};
}

void Membership::answer_enrol(const CatalogueRequest& request, UniqueFunction<void(CatalogueResponse)> respond) {
  const auto wanted = decode_enrol_request(request.body);
  if (!wanted) return respond({400, {}});
  auto answer = std::make_shared<EnrolAnswer>();
  change(
      [this, wanted = *wanted, answer]() -> Result<IdentityChange> {
        auto decision = decide_admit(stored_, wanted, runtime_.clock.wall());
        if (!decision) return tl::unexpected<Error>(decision.error());
        *answer = std::move(decision->answer);
        return std::move(decision->change);
      },
      [this, agent = wanted->agent, from = request.from, answer, respond = std::move(respond)](Status status) mutable {
        if (!status) {
          log::info("machine not admitted from={} error=\"{}\"", from.text(), status.error().text());
          return respond(refusal(status.error()));
        }
        log::info("machine admitted agent={} from={}", agent_name(agent), from.text());
        for (const CataloguePeer& peer : network_.peers ? network_.peers() : std::vector<CataloguePeer>()) {
          if (answer->peers.size() < kMaxEnrolPeers && peer.agent != agent) answer->peers.push_back(peer.catalogue);
        }
        respond({200, encode(*answer)});
      });
}

void Membership::answer_renew(const AgentId& agent, UniqueFunction<void(CatalogueResponse)> respond) {
  auto answer = std::make_shared<EnrolAnswer>();
  change(
      [this, agent, answer]() -> Result<IdentityChange> {
        auto decision = decide_renewal(stored_, agent, runtime_.clock.wall());
        if (!decision) return tl::unexpected<Error>(decision.error());
        *answer = std::move(decision->answer);
        return std::move(decision->change);
      },
      [this, agent, answer, respond = std::move(respond)](Status status) mutable {
        if (!status) return respond(refusal(status.error()));
        log::info("certificate renewed agent={}", agent_name(agent));
        respond({200, encode(*answer)});
      });
}

void Membership::on_member_heard(const AgentId& agent, const Endpoint& catalogue, std::uint32_t group_version) {
  const Identity* self = identity();
  const SteadyTime now = runtime_.clock.now();
  if (self == nullptr || !network_.call || refused(agent) || agent == self->id()) return;
  if (group_version > self->group.state.version && !fetching_ && now >= fetch_after_) fetch_state(agent, catalogue);
  const bool from_holder = agent == self->group.state.holder && !self->is_authority();
  if (from_holder && !renewing_ && now >= renew_after_ && renewal_due(*self, runtime_.clock.wall())) renew(catalogue);
}

void Membership::fetch_state(const AgentId& agent, const Endpoint& catalogue) {
  fetching_ = true;
  fetch_after_ = runtime_.clock.now() + kFetchAgainAfter;
  network_.call(call_to(agent, catalogue, "GET", kGroupPath),
                alive_.guard([this, agent](Result<CatalogueResponse> response) {
                  fetching_ = false;
                  if (response && response->status == 200) return take_fetched(*response);
                  log::info("newer state of the group not had agent={} error=\"{}\"", agent_name(agent),
                            response ? "status " + std::to_string(response->status) : response.error().text());
                }));
}

void Membership::take_fetched(const CatalogueResponse& response) {
  auto answer = decode_group_answer(response.body);
  if (!answer) return log::warn("newer state of the group refused error=\"{}\"", answer.error().text());
  accept_newer(std::move(answer->state), GroupKey::from_secret(answer->key_epoch, answer->key_secret),
               [](const Status& status) {
                 if (!status) log::warn("newer state of the group refused error=\"{}\"", status.error().text());
               });
}

void Membership::renew(const Endpoint& catalogue) {
  renewing_ = true;
  renew_after_ = runtime_.clock.now() + kRenewAgainAfter;
  network_.call(call_to(identity()->group.state.holder, catalogue, "POST", kRenewPath),
                alive_.guard([this](Result<CatalogueResponse> response) {
                  renewing_ = false;
                  if (response && response->status == 200) return take_renewed(*response);
                  log::warn("certificate not renewed error=\"{}\"",
                            response ? "status " + std::to_string(response->status) : response.error().text());
                }));
}

void Membership::take_renewed(const CatalogueResponse& response) {
  auto answer = decode_enrol_answer(response.body);
  if (!answer) return log::warn("certificate not renewed error=\"{}\"", answer.error().text());
  auto shared = std::make_shared<EnrolAnswer>(std::move(*answer));
  change([this, shared] { return decide_renewed(stored_, *shared, runtime_.clock.wall()); },
         [](const Status& status) {
           if (!status) return log::warn("certificate not renewed error=\"{}\"", status.error().text());
           log::info("certificate of this agent renewed");
         });
}

}  // namespace larder::peer

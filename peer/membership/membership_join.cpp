// Joining: the invitation's addresses are asked one after the other.
#include <algorithm>
#include <iterator>

#include "base/io/log.h"
#include "peer/membership/membership_parts.h"
#include "peer/membership/membership_rules.h"
#include "peer/messages/catalogue_paths.h"

namespace larder::peer {
namespace {

constexpr std::chrono::seconds kAskFor{3};       // one address
constexpr std::chrono::seconds kJoinWithin{40};  // all of them; the caller waits for a minute
constexpr std::size_t kMaxAddresses = 32;
constexpr std::size_t kMaxAnswer = 512 * kKiB;

// Returns how much an error says about why joining failed: an answer of the group more than a failed connection.
int weight(ErrorCode code) {
  if (code == ErrorCode::permission_denied || code == ErrorCode::limit_exceeded) return 3;
  return code == ErrorCode::connect_failed || code == ErrorCode::timed_out ? 1 : 2;
}

// Returns whether an address that another machine named may be asked: a loopback one only if that machine is at
// loopback too (tests on one machine).
bool may_be_followed(const Endpoint& named, const Endpoint& by) {
  return named.is_one_machine() && (!named.is_loopback() || by.is_loopback());
}

Error why_refused(const std::string& doing, unsigned status) {
  switch (status) {
    case 403:
      return {ErrorCode::permission_denied, doing,
              "the invitation is unknown there, expired or used up, or this "
              "machine was revoked; ask for a new invitation",
              std::nullopt};
    case 421:
      return {ErrorCode::invalid_state, doing,
              "who answered cannot admit anybody; ask for a new invitation where the "
              "group was made",
              std::nullopt};
    case 429:
      return {ErrorCode::limit_exceeded, doing, "the group has as many agents as it can", std::nullopt};
    default:
      return {status >= 500 ? ErrorCode::busy : ErrorCode::bad_response, doing,
              "it answered with status " + std::to_string(status), std::nullopt};
  }
}

// Returns advice that fits the cause: a new invitation does not set a clock.
const char* advice_for(const Error& error) {
  const auto says = [&error](const char* words) { return error.detail.find(words) != std::string::npos; };
  if (weight(error.code) == 1) return "; is the machine that invited on, and can this one reach that address and port?";
  const bool of_certificates = error.code == ErrorCode::certificate_rejected;
  if (of_certificates && (says("not yet valid") || says("expired")))
    return "; compare the clocks of the two machines and set the one that is wrong";
  // Where no invitation is open, TLS refuses a machine without a certificate.
  if (of_certificates && !says("refuses the certificate of this agent")) return "";
  return "; it may take no machines now because no invitation is open there: ask for a new one";
}

Error unreached(const std::string& doing, const Endpoint& to, const Error& error) {
  return {error.code, doing, to.text() + ": " + error.detail + advice_for(error), std::nullopt};
}

}  // namespace

void Membership::join(const std::string& line, Done<void> done) {
  auto invitation = check_invitation(line, runtime_.clock.wall());
  if (invitation && joining_)
    invitation =
        fail(ErrorCode::busy, "join group " + invitation->group_name, "this agent is joining a group just now");
  if (!invitation) {
    return later([error = invitation.error(), done = std::move(done)]() mutable {
      done(tl::unexpected<Error>(std::move(error)));
    });
  }
  joining_ = std::make_shared<Joining>();
  joining_->invitation = std::move(*invitation);
  joining_->done = std::move(done);
  joining_->give_up_at = runtime_.clock.now() + kJoinWithin;
  for (const std::string& address : joining_->invitation.addresses) {
    const auto endpoint = parse_endpoint(address);
    if (endpoint && joining_->named.insert(*endpoint).second) joining_->to_ask.push_back(*endpoint);
  }
  change([this] { return decide_ask(stored_); },
         [this](Status status) {
           if (!status) return end_join(std::move(status));
           joining_->key = stored_.next_key;
           ask_next();
         });
}

void Membership::ask_next() {
  const std::string doing = "join group " + joining_->invitation.group_name;
  if (joining_->to_ask.empty() || runtime_.clock.now() >= joining_->give_up_at || !network_.enrol) {
    Error reason = joining_->reason.value_or(
        Error{ErrorCode::connect_failed, doing, "none of the invitation's addresses is of use", std::nullopt});
    return end_join(tl::unexpected<Error>(std::move(reason)));
  }
  const Endpoint to = joining_->to_ask.front();
  joining_->to_ask.pop_front();
  EnrolRequest request;
  request.token = joining_->invitation.token;
  request.name = machine_name(settings_.machine, joining_->key->id());
  sign(request, *joining_->key);
  CatalogueCall call;
  call.to = to;
  call.method = "POST";
  call.target = std::string(kEnrolPath);
  call.body = encode(request);
  call.max_answer = kMaxAnswer;
  call.timeout = kAskFor;
  call.any_status = true;
  network_.enrol(joining_->invitation.authority_pem, std::move(call),
                 alive_.guard([this, to](Result<CatalogueResponse> response) { on_answer(to, std::move(response)); }));
}

void Membership::on_answer(const Endpoint& to, Result<CatalogueResponse> response) {
  if (response && response->status == 200) return admitted(to, *response);
  if (response) {
    refused_by(to, *response);
  } else if (!joining_->reason || weight(response.error().code) > weight(joining_->reason->code)) {
    joining_->reason = unreached("join group " + joining_->invitation.group_name, to, response.error());
  }
  ask_next();
}

void Membership::refused_by(const Endpoint& to, const CatalogueResponse& response) {
  Error why = why_refused("join group " + joining_->invitation.group_name, response.status);
  why.detail = to.text() + ": " + why.detail;
  if (response.status == 403) joining_->refused = true;
  // An agent that cannot admit names the holder of the authority.
  if (const auto others = decode_known_peers(response.body); response.status == 421 && others) {
    for (const CataloguePeer& peer : *others) {
      if (!may_be_followed(peer.catalogue, to)) continue;
      if (joining_->named.size() >= kMaxAddresses || !joining_->named.insert(peer.catalogue).second) continue;
      joining_->to_ask.push_back(peer.catalogue);
    }
  }
  if (!joining_->reason || weight(why.code) > weight(joining_->reason->code)) joining_->reason = std::move(why);
}

void Membership::admitted(const Endpoint& by, const CatalogueResponse& response) {
  auto answer = decode_enrol_answer(response.body);
  if (!answer) {
    joining_->reason = answer.error();
    return ask_next();
  }
  auto shared = std::make_shared<EnrolAnswer>(std::move(*answer));
  change(
      [this, by, shared] {
        auto decided = decide_join(stored_, joining_->invitation, *joining_->key, *shared, runtime_.clock.wall());
        if (decided) {
          first_peers_ = {by};
          std::copy_if(shared->peers.begin(), shared->peers.end(), std::back_inserter(first_peers_),
                       [&by](const Endpoint& named) { return may_be_followed(named, by); });
        }
        return decided;
      },
      [this](Status status) {
        if (status) log::info("group joined name=\"{}\"", joining_->invitation.group_name);
        // The agent was revoked between request and answer: a retry needs another key.
        joining_->refused = !status && status.error().code == ErrorCode::permission_denied;
        end_join(std::move(status));
      });
}

void Membership::end_join(Status status) {
  const auto ended = std::move(joining_);
  joining_.reset();
  if (!status && ended->refused && stored_.next_key) {
    // A key that the group refused is deleted; `done` does not wait for that.
    change(
        [this]() -> Result<IdentityChange> {
          IdentityChange change;
          change.drop_next_key = stored_.next_key.has_value() && !joining_;
          return change;
        },
        [](const Status&) {});  // a failure was logged; the key stays and is refused again
  }
  ended->done(std::move(status));
}

}  // namespace larder::peer

#include "peer/membership/membership.h"

#include <algorithm>

#include "base/io/log.h"
#include "peer/group/certificate.h"
#include "peer/membership/membership_parts.h"
#include "peer/membership/membership_rules.h"

namespace larder::peer {
namespace {

constexpr std::chrono::hours kHouseInterval{1};

}  // namespace

Membership::Membership(std::shared_ptr<IdentityStore> store, MembershipSettings settings, Runtime runtime,
                       WorkerPool& disk)
    : store_(std::move(store)), settings_(std::move(settings)), runtime_(runtime), disk_(disk) {
  auto loaded = store_->load();
  if (loaded) {
    stored_ = std::move(*loaded);
  } else {
    problem_ = loaded.error();  // logged by the owner
  }
  was_enrolling_ = enrolling();
  was_active_ = active();
  keep_house();
}

Membership::~Membership() {
  runtime_.timers.cancel(housekeeping_);
}

bool Membership::active() const {
  const Identity* self = identity();
  return self != nullptr && !self->is_revoked() &&
         check_leaf(self->group.certificate_pem, self->group.authority_pem, runtime_.clock.wall()).has_value();
}

LinkCredentials Membership::credentials() const {
  const Identity* self = identity();
  if (self == nullptr) return {};
  const auto key = private_key_pem(self->key);
  if (!key) log::error("the agent's key is of no use error=\"{}\"", key.error().text());
  return {self->group.authority_pem, self->group.certificate_pem, key.value_or("")};
}

bool Membership::refused(const AgentId& agent) const {
  return identity() != nullptr && identity()->group.state.is_revoked(agent);
}

bool Membership::enrolling() const {
  const Identity* self = identity();
  return self != nullptr && self->is_authority() && InvitationBook(stored_.book.tokens).any_open(runtime_.clock.wall());
}

std::optional<WallTime> Membership::certificate_expires() const {
  if (identity() == nullptr) return std::nullopt;
  const auto leaf = read_leaf(identity()->group.certificate_pem);
  return leaf ? std::optional(leaf->not_after) : std::nullopt;
}

std::vector<IssuedToken> Membership::open_invitations() const {
  std::vector<IssuedToken> open = stored_.book.tokens;
  std::erase_if(open, [now = runtime_.clock.wall()](const IssuedToken& token) {
    return token.uses_left == 0 || token.expires <= now;
  });
  return open;
}

void Membership::create(std::string name, Done<void> done) {
  change(
      [this, name]() -> Result<IdentityChange> {
        if (joining_) return fail(ErrorCode::busy, "make group " + name, "this agent is joining a group just now");
        return decide_create(stored_, name, runtime_.clock.wall());
      },
      [name, done = std::move(done)](Status status) mutable {
        if (status) log::info("group made name=\"{}\"", name);
        done(std::move(status));
      });
}

void Membership::invite(InviteOptions options, Done<Invited> done) {
  auto made = std::make_shared<Invited>();
  change(
      [this, options = std::move(options), made]() -> Result<IdentityChange> {
        auto decision =
            decide_invite(stored_, options.lifetime, options.uses, options.addresses, runtime_.clock.wall());
        if (!decision) return tl::unexpected<Error>(decision.error());
        *made = {encode_invitation(decision->invitation), decision->invitation.expires};
        return std::move(decision->change);
      },
      [made, done = std::move(done)](Status status) mutable {
        if (!status) return done(tl::unexpected<Error>(status.error()));
        log::info("invitation issued expires={}", format_time(made->expires));
        done(std::move(*made));
      });
}

void Membership::leave(bool give_up_authority, Done<void> done) {
  change([this, give_up_authority] { return decide_leave(stored_, give_up_authority); },
         [done = std::move(done)](Status status) mutable {
           if (status) log::info("group left");
           done(std::move(status));
         });
}

void Membership::revoke(const AgentId& agent, Done<std::size_t> done) {
  auto closed = std::make_shared<std::size_t>(0);
  change(
      [this, agent, closed]() -> Result<IdentityChange> {
        auto decision = decide_revoke(stored_, agent, runtime_.clock.wall());
        if (!decision) return tl::unexpected<Error>(decision.error());
        *closed = decision->invitations_closed;
        return std::move(decision->change);
      },
      [agent, closed, done = std::move(done)](Status status) mutable {
        if (!status) return done(tl::unexpected<Error>(status.error()));
        log::info("agent revoked agent={} invitations_closed={}", agent_name(agent), *closed);
        done(*closed);
      });
}

void Membership::accept_newer(GroupState state, const GroupKey& key, Done<void> done) {
  auto offered = std::make_shared<std::pair<GroupState, GroupKey>>(std::move(state), key);
  change([this, offered] { return decide_newer(stored_, offered->first, offered->second); },
         [this, done = std::move(done)](Status status) mutable {
           if (status && identity() != nullptr) {
             log::info("newer state of the group version={} revoked={}", identity()->group.state.version,
                       identity()->group.state.revoked.size());
             if (identity()->is_revoked()) log::warn("this agent is revoked: it works alone from now on");
           }
           done(std::move(status));
         });
}

void Membership::change(Decide decide, UniqueFunction<void(Status)> done) {
  if (waiting_.size() >= kMaxWaiting) {
    return later([done = std::move(done)]() mutable {
      done(fail(ErrorCode::busy, "change the group", "too many changes are under way; try again"));
    });
  }
  waiting_.push_back(std::make_unique<Waiting>(Waiting{std::move(decide), std::move(done), nullptr}));
  later([this] { next_change(); });
}

void Membership::later(Task task) {
  runtime_.executor.post(alive_.guard(std::move(task)));
}

void Membership::next_change() {
  if (changing_ || waiting_.empty()) return;
  changing_ = true;
  Waiting& next = *waiting_.front();
  if (problem_) return written(tl::unexpected<Error>(*problem_));
  auto decided = next.decide();
  if (!decided) return written(tl::unexpected<Error>(decided.error()));
  next.change = std::make_shared<IdentityChange>(std::move(*decided));
  if (next.change->empty()) return written({});
  auto tell = alive_.guard([this](Status status) { written(std::move(status)); });
  auto work = [store = store_, what = next.change, &executor = runtime_.executor, tell = std::move(tell)]() mutable {
    executor.post([tell = std::move(tell), status = store->apply(*what)]() mutable { tell(std::move(status)); });
  };
  if (!disk_.submit(std::move(work))) written(fail(ErrorCode::busy, "change the group", "the disk is busy; try again"));
}

void Membership::written(Status status) {
  const std::unique_ptr<Waiting> ended = std::move(waiting_.front());
  waiting_.pop_front();
  changing_ = false;
  if (status && ended->change) take_over(*ended->change);
  if (!status && ended->change) log::error("the identity was not written error=\"{}\"", status.error().text());
  later([this] { next_change(); });
  ended->done(std::move(status));
}

void Membership::take_over(IdentityChange& change) {
  const std::optional<Identity> before = stored_.identity;
  if (change.leave) stored_ = Stored{};
  if (change.next_key) stored_.next_key = change.next_key;
  if (change.book) stored_.book = std::move(*change.book);
  if (change.identity) stored_.identity = std::move(change.identity);
  if (change.drop_next_key) stored_.next_key.reset();
  MembershipChange told;
  const Identity* after = identity();
  told.identity =
      before.has_value() != (after != nullptr) ||
      (after != nullptr && (before->id() != after->id() || before->group.authority_pem != after->group.authority_pem));
  if (before && after != nullptr) {
    told.certificate = before->group.certificate_pem != after->group.certificate_pem;
    told.state = before->group.state.version != after->group.state.version;
  }
  plan_house();
  report_change(told);
}

// Calls the observers; adds changes that only the passing of time has caused.
void Membership::report_change(MembershipChange change) {
  change.enrolling = change.enrolling || enrolling() != was_enrolling_;
  change.certificate = change.certificate || active() != was_active_;
  was_enrolling_ = enrolling();
  was_active_ = active();
  if (!change.identity && !change.certificate && !change.state && !change.enrolling) return;
  for (const auto& observer : observers_) observer(change);
}

void Membership::keep_house() {
  report_change({});
  if (const Identity* self = identity();
      self != nullptr && self->is_authority() && renewal_due(*self, runtime_.clock.wall())) {
    change(
        [this]() -> Result<IdentityChange> {
          const WallTime now = runtime_.clock.wall();
          if (identity() == nullptr || !renewal_due(*identity(), now))
            return IdentityChange{};  // renewed or left meanwhile
          return decide_own_renewal(stored_, now);
        },
        [](const Status& status) {
          if (!status) log::error("this agent's certificate was not renewed error=\"{}\"", status.error().text());
        });
  }
  plan_house();
}

// Sets the timer for the next change that time alone causes.
void Membership::plan_house() {
  const WallTime now = runtime_.clock.wall();
  Duration next = kHouseInterval;
  const auto until = [&](WallTime time) {
    if (time > now) next = std::min<Duration>(next, time - now + std::chrono::milliseconds(1));
  };
  for (const IssuedToken& token : stored_.book.tokens) until(token.expires);
  if (const auto expires = certificate_expires()) until(*expires);
  runtime_.timers.cancel(housekeeping_);
  housekeeping_ = runtime_.timers.after(next, [this] { keep_house(); });
}

}  // namespace larder::peer

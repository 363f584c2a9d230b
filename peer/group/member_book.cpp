#include "peer/group/member_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr std::string_view kDoing = "use the certificate of another agent";

}  // namespace

void MemberBook::set_authority(const std::string& authority_pem) {
  if (authority_pem == authority_pem_) return;
  const bool other_group = !authority_pem_.empty();
  authority_pem_ = authority_pem;
  if (other_group) forget_all();
}

void MemberBook::restore(std::vector<KnownMember> members) {
  for (KnownMember& member : members) {
    if (entries_.size() >= kMaxMembers) return;
    const AgentId agent = member.agent;
    entries_.emplace(
        agent, Entry{std::move(member), WallTime{}, false, ++uses_});  // not over an entry of this run, which is newer
  }
}

void MemberBook::forget_all() {
  entries_.clear();
  if (journal_ != nullptr) journal_->forget_all_members();
}

Status MemberBook::remember(const AgentId& agent, Bytes der, WallTime now) {
  const auto found = entries_.find(agent);
  const bool is_new = found == entries_.end();
  if (!is_new && std::ranges::equal(found->second.member.certificate, der) && usable(found->second, now)) return {};
  const auto facts = check_leaf(certificate_pem(der), authority_pem_, now);
  if (!facts) return fail(ErrorCode::certificate_rejected, std::string(kDoing), facts.error().detail);
  if (facts->id != agent) {
    return fail(ErrorCode::certificate_rejected, std::string(kDoing), "it is not over the key of the agent it is for");
  }
  if (!is_new && usable(found->second, now) && facts->not_after < found->second.not_after) return {};
  const bool attests = !is_new && found->second.member.attests;
  if (is_new) make_room();
  Entry& entry = entries_[agent];
  entry.member.agent = agent;
  entry.member.certificate.assign(der.begin(), der.end());
  entry.member.attests = attests;
  entry.member.seen = now;
  entry.not_after = facts->not_after;
  entry.checked = true;
  entry.used = ++uses_;
  if (journal_ != nullptr) journal_->keep(entry.member);
  return {};
}

// Returns whether an entry is valid at `now`; checks an entry of an earlier run before its first use. Expired entries
// are kept, since this machine's clock may be wrong.
bool MemberBook::usable(Entry& entry, WallTime now) const {
  if (!entry.checked) {
    const auto facts = check_leaf(certificate_pem(entry.member.certificate), authority_pem_, now);
    entry.checked = facts && facts->id == entry.member.agent;
    if (entry.checked) entry.not_after = facts->not_after;
  }
  return entry.checked && now < entry.not_after;
}

bool MemberBook::is_known(const AgentId& agent, WallTime now) {
  return certificate(agent, now) != nullptr;
}

const std::vector<std::byte>* MemberBook::certificate(const AgentId& agent, WallTime now) {
  const auto found = entries_.find(agent);
  if (found == entries_.end() || !usable(found->second, now)) return nullptr;
  found->second.used = ++uses_;
  return &found->second.member.certificate;
}

void MemberBook::attests(const AgentId& agent) {
  const auto found = entries_.find(agent);
  if (found == entries_.end() || found->second.member.attests) return;
  found->second.member.attests = true;
  if (journal_ != nullptr) journal_->keep(found->second.member);
}

void MemberBook::make_room() {
  if (entries_.size() < kMaxMembers) return;
  const auto goes = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.second.member.attests, a.second.used) < std::tuple(b.second.member.attests, b.second.used);
  });
  if (journal_ != nullptr) journal_->forget(goes->first);
  entries_.erase(goes);
}

}  // namespace larder::peer

#include "peer/discovery/hello_check.h"

#include <algorithm>

#include "peer/group/certificate.h"

namespace larder::peer {

HelloVerdict HelloCheck::check(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now, WallTime wall) {
  const auto* hello = std::get_if<Hello>(&datagram.message);
  if (hello == nullptr) return check_signature(datagram, key_epoch, now);
  if (hello->certificate.empty()) return HelloVerdict::bad;
  if (!budget_.take_token(now)) return HelloVerdict::busy;
  auto verdict = HelloVerdict::bad;
  const Known* known = look_up(*hello, now, wall, verdict);
  if (known == nullptr) return verdict;
  if (known->agent != datagram.sender) return HelloVerdict::bad;
  return signature_holds(datagram, group_tag_, key_epoch) ? HelloVerdict::good : HelloVerdict::bad;
}

HelloVerdict HelloCheck::check_signature(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now) {
  if (!budget_.take_token(now)) return HelloVerdict::busy;
  return signature_holds(datagram, group_tag_, key_epoch) ? HelloVerdict::good : HelloVerdict::bad;
}

const HelloCheck::Known* HelloCheck::look_up(const Hello& hello, SteadyTime now, WallTime wall, HelloVerdict& verdict) {
  const Digest digest = blake2b256(hello.certificate);
  if (const auto found = known_.find(digest); found != known_.end()) {
    found->second.used = now;
    if (wall < found->second.not_after) return &found->second;
    verdict = HelloVerdict::bad_time;
    return nullptr;
  }
  const std::string pem = certificate_pem(hello.certificate);
  const auto facts = check_leaf(pem, authority_pem_, wall);
  if (!facts) {
    // If the certificate was valid at another time, a clock may be wrong: that is reported to people.
    const auto stated = read_leaf(pem);
    const bool out_of_time = stated && check_leaf(pem, authority_pem_, stated->not_after - std::chrono::seconds(1));
    verdict = out_of_time ? HelloVerdict::bad_time : HelloVerdict::bad;
    return nullptr;
  }
  make_room();
  return &known_.emplace(digest, Known{facts->id, facts->not_after, now}).first->second;
}

void HelloCheck::make_room() {
  if (known_.size() < kMaxRemembered) return;
  const auto oldest = std::min_element(known_.begin(), known_.end(),
                                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  known_.erase(oldest);
}

}  // namespace larder::peer

#include "origin/upload/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text/text.h"
#include "origin/http/http_fields.h"
#include "origin/upload/dialect_steps.h"

namespace larder::origin {
namespace {

enum class Act {
  read,       // the fields tell
  follow,     // a redirect
  ask_again,  // after the wait
  untold,     // the server does not answer OPTIONS: PUT for small files
  fail,
};

// clang-format off
struct Row {
  Heard heard;
  Act act;
};
constexpr std::array<Row, kHeardCount> kTable = {{
    {Heard::success,         Act::read},
    {Heard::redirect,        Act::follow},
    {Heard::no_answer,       Act::ask_again},
    {Heard::nonsense,        Act::fail},
    {Heard::broken,          Act::fail},
    {Heard::transient,       Act::ask_again},
    {Heard::unauthorized,    Act::fail},
    {Heard::forbidden,       Act::fail},
    {Heard::gone,            Act::untold},
    {Heard::not_possible,    Act::untold},
    {Heard::conflict,        Act::fail},
    {Heard::precondition,    Act::fail},
    {Heard::too_large,       Act::fail},
    {Heard::wrong_type,      Act::fail},
    {Heard::out_of_step,     Act::fail},
    {Heard::locked,          Act::fail},
    {Heard::damaged,         Act::fail},
    {Heard::unknown_session, Act::fail},
    {Heard::never_fits,      Act::fail},
    {Heard::rejected,        Act::fail},
    {Heard::refused,         Act::fail},
}};
// clang-format on

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].heard) != i) return false;
  }
  return true;
}
static_assert(rows_in_order());

bool lists(const HttpHead& head, std::string_view field, std::string_view word) {
  for (const std::string* value : find_all(head.headers, field)) {
    for (const std::string_view element : split_list(*value)) {
      if (lower_case(trim(element)) == lower_case(word)) return true;
    }
  }
  return false;
}

TusFacts facts_of(const HttpHead& head) {
  TusFacts facts;
  facts.expiration = lists(head, "tus-extension", "expiration");
  facts.termination = lists(head, "tus-extension", "termination");
  facts.keyed = lists(head, "tus-extension", "larder-key");
  if (lists(head, "tus-extension", "checksum")) {
    if (lists(head, "tus-checksum-algorithm", "sha256")) {
      facts.checksum = PartAlgorithm::sha256;
    } else if (lists(head, "tus-checksum-algorithm", "sha1")) {
      facts.checksum = PartAlgorithm::sha1;
    }
  }
  facts.max_size = number_field(head, "tus-max-size");
  return facts;
}

// Absent: the server takes no uploads that Larder can make.
std::optional<DiscoveredPlace> place_told_by(const HttpHead& head) {
  DiscoveredPlace place;
  if (lists(head, "tus-version", "1.0.0") && lists(head, "tus-extension", "creation")) {
    place.dialect = UploadDialect::tus;
    place.tus = facts_of(head);
    place.told = true;
    return place;
  }
  place.told = head.find_field("dav") != nullptr || lists(head, "allow", "put");
  if (!place.told && head.find_field("allow") != nullptr) return std::nullopt;
  return place;
}

DiscoveryStep found(const DiscoveredPlace& place) {
  DiscoveryStep step;
  step.kind = DiscoveryStep::Kind::found;
  step.place = place;
  return step;
}

DiscoveryStep failed(Error error) {
  DiscoveryStep step;
  step.error = std::move(error);
  return step;
}

DiscoveryStep ask_again(UploadStep sending) {
  DiscoveryStep step;
  step.kind = DiscoveryStep::Kind::ask_again;
  step.request = std::move(sending.request);
  step.wait = sending.wait;
  step.error = std::move(sending.error);
  return step;
}

DiscoveryStep read(const UploadTurn& turn, const UploadAnswer& answer) {
  if (auto place = place_told_by(answer.head)) return found(*place);
  return failed(upload_error(turn.plan, ErrorCode::http_fatal,
                             "the server takes no uploads at this URL (neither tus, nor WebDAV, nor PUT); look at the "
                             "URL, or name a protocol with --protocol"));
}

DiscoveryStep follow(const UploadTurn& turn, const Url& asked, const UploadAnswer& answer) {
  const Result<Url> to = redirect_target(turn, asked, answer);
  if (!to) return failed(upload_error(turn.plan, to.error().code, to.error().detail));
  return ask_again(send_step(request_to(turn.plan, "OPTIONS", *to)));
}

std::string place_name(const Url& target) {
  Url place = target;
  place.has_query = false;
  place.query.clear();
  place.path.resize(place.path.rfind('/') + 1);
  return place.canonical();
}

}  // namespace

std::string_view protocol_wish_name(ProtocolWish wish) {
  switch (wish) {
    case ProtocolWish::tus:
      return "tus";
    case ProtocolWish::bits:
      return "bits";
    case ProtocolWish::put:
      return "put";
    case ProtocolWish::any:
      break;
  }
  return "auto";
}

std::optional<ProtocolWish> protocol_wish_from_name(std::string_view name) {
  for (const ProtocolWish wish : {ProtocolWish::any, ProtocolWish::tus, ProtocolWish::bits, ProtocolWish::put}) {
    if (name == protocol_wish_name(wish)) return wish;
  }
  return std::nullopt;
}

std::optional<DiscoveredPlace> place_as_wished(ProtocolWish wish) {
  if (wish == ProtocolWish::bits) return DiscoveredPlace{UploadDialect::bits, {}, true};
  if (wish == ProtocolWish::put) return DiscoveredPlace{UploadDialect::put, {}, true};
  return std::nullopt;
}

UploadRequest discovery_request(const Url& target) {
  UploadRequest request;
  request.method = "OPTIONS";
  request.url = target;
  return request;
}

DiscoveryStep after_discovery(const UploadTurn& turn, const Url& asked, const UploadAnswer& answer) {
  switch (kTable[static_cast<std::size_t>(hear_answer(answer))].act) {
    case Act::read:
      return read(turn, answer);
    case Act::follow:
      return follow(turn, asked, answer);
    case Act::ask_again:
      return ask_again(
          send_later(turn, discovery_request(turn.plan.target), answer_error(turn.plan, answer, turn.now)));
    case Act::untold:
      return found({});
    case Act::fail:
      break;
  }
  return failed(answer_error(turn.plan, answer, turn.now));
}

Status choose_dialect(const DiscoveredPlace& place, ProtocolWish wish, UploadPlan& plan) {
  plan.dialect = place.dialect;
  plan.tus = place.tus;
  plan.large_put = wish == ProtocolWish::put;
  // A server that hides OPTIONS may speak tus all the same; its creation tells.
  if (wish == ProtocolWish::tus) plan.dialect = UploadDialect::tus;
  if (wish == ProtocolWish::bits) plan.dialect = UploadDialect::bits;
  if (wish == ProtocolWish::put) plan.dialect = UploadDialect::put;
  return check_plan(plan);
}

void DiscoveryMemory::remember(const Url& target, const DiscoveredPlace& place, SteadyTime now) {
  forget(target);
  if (entries_.size() >= kMaxEntries) entries_.pop_front();
  entries_.push_back({place_name(target), place, now + kKept});
}

std::optional<DiscoveredPlace> DiscoveryMemory::recall(const Url& target, SteadyTime now) const {
  const std::string name = place_name(target);
  const auto found = std::ranges::find(entries_, name, &Entry::place);
  if (found == entries_.end() || now >= found->until) return std::nullopt;
  return found->told;
}

void DiscoveryMemory::forget(const Url& target) {
  std::erase_if(entries_, [name = place_name(target)](const Entry& entry) { return entry.place == name; });
}

}  // namespace larder::origin

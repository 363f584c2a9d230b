#include "inbox/wire/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "inbox/wire/answers.h"
#include "inbox/wire/bits.h"
#include "inbox/wire/put.h"
#include "inbox/wire/state_json.h"
#include "inbox/wire/tus.h"

namespace larder::inbox {
namespace {

using Methods = std::span<const std::string_view>;
constexpr std::array<std::string_view, 2> kCollection = {"OPTIONS", "POST"};
constexpr std::array<std::string_view, 4> kFile = {"BITS_POST", "OPTIONS", "POST", "PUT"};
constexpr std::array<std::string_view, 4> kUpload = {"DELETE", "HEAD", "OPTIONS", "PATCH"};
constexpr std::array<std::string_view, 3> kRead = {"GET", "HEAD", "OPTIONS"};
constexpr std::array<std::string_view, 1> kServer = {"OPTIONS"};

Methods methods_of(Target::Kind kind) {
  switch (kind) {
    case Target::Kind::collection:
      return kCollection;
    case Target::Kind::file:
      return kFile;
    case Target::Kind::upload:
      return kUpload;
    case Target::Kind::reply:
    case Target::Kind::state:
      return kRead;
    case Target::Kind::server:
      break;
  }
  return kServer;
}

std::string allow(Target::Kind kind) {
  return fmt::format("{}", fmt::join(methods_of(kind), ", "));
}

// The method that counts (tus 1.0.0, X-HTTP-Method-Override).
Read<std::string_view> method_of(const http::RequestHead& head) {
  const auto replaced = only_field(head, "X-HTTP-Method-Override");
  if (!replaced) return tl::unexpected(replaced.error());
  if (!*replaced) return std::string_view(head.method);
  if (head.method != "POST") return bad("X-HTTP-Method-Override is taken on a POST alone");
  constexpr std::array<std::string_view, 3> kTaken = {"PATCH", "DELETE", "BITS_POST"};
  if (std::find(kTaken.begin(), kTaken.end(), **replaced) == kTaken.end())
    return bad("X-HTTP-Method-Override is taken for PATCH, DELETE and BITS_POST alone");
  return **replaced;
}

bool is_packet(const http::RequestHead& head, std::string_view method) {
  return method == "BITS_POST" || head.find("BITS-Packet-Type") != nullptr;
}

// Two dialects in one request: whoever made it means one of them, and a guess could take a part for the whole.
Read<void> check_one_dialect(const http::RequestHead& head, std::string_view method, Target::Kind kind) {
  const bool packet = is_packet(head, method);
  const bool tus = head.find("Tus-Resumable") != nullptr;
  if (packet && tus) return bad("it has the fields of BITS and of tus");
  if (packet && kind != Target::Kind::file) return bad("a BITS packet goes to /in/INBOX/TRANSACTION/NAME");
  if (tus && kind == Target::Kind::file) return bad("tus goes to /in/INBOX/ and to the Location that it answers");
  if (packet && method != "BITS_POST" && method != "POST") return bad("a BITS packet comes with BITS_POST");
  return {};
}

http::Response answer_options(Target::Kind kind, const WireSettings& settings) {
  http::Response response;
  response.status = 204;
  response.fields = {{"Allow", allow(kind)}};
  if (kind == Target::Kind::reply || kind == Target::Kind::state || kind == Target::Kind::file) return response;
  for (http::Field& field : tus_options(settings)) response.fields.push_back(std::move(field));
  return response;
}

Read<Request> read_get(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  if (head.has_body()) return bad("a GET has no body");
  Request request;
  request.base_url = settings.base_url;
  if (target.kind == Target::Kind::reply)
    request.operation = ReadReply{target.id};
  else
    request.operation = ShowState{target.id};
  return request;
}

using Translated = std::variant<Request, http::Response>;

Translated or_refusal(Read<Request> request, Dialect dialect, const WireSettings& settings) {
  if (request) return std::move(*request);
  http::Response response = refuse(dialect, request.error(), settings);
  if (dialect == Dialect::tus) response.fields.push_back({"Tus-Resumable", std::string(kTusVersion)});
  return response;
}

Translated translate_packet(const http::RequestHead& head, const Target& target, const WireSettings& settings) {
  auto request = read_bits(head, target, settings);
  if (!request) return refuse_bits(head, request.error(), settings);
  if (!*request) return bits_ping();
  return std::move(**request);
}

Translated translate_method(const http::RequestHead& head, std::string_view method, const Target& target,
                            const WireSettings& settings) {
  switch (target.kind) {
    case Target::Kind::collection:
    case Target::Kind::upload:
      return or_refusal(read_tus(head, method, target, settings), Dialect::tus, settings);
    case Target::Kind::file:
      return is_packet(head, method) ? translate_packet(head, target, settings)
                                     : or_refusal(read_put(head, target, settings), Dialect::put, settings);
    case Target::Kind::reply:
    case Target::Kind::state:
    case Target::Kind::server:
      break;
  }
  return or_refusal(read_get(head, target, settings), Dialect::put, settings);
}

// A fault of what all dialects have in common, in the words of the one that the request seems to speak.
http::Response refuse_any(const http::RequestHead& head, const Fault& fault, const WireSettings& settings) {
  const Dialect spoken = spoken_dialect(head);
  if (spoken == Dialect::bits) return refuse_bits(head, fault, settings);
  return std::get<http::Response>(or_refusal(tl::unexpected(fault), spoken, settings));
}

http::Response answer_read(const Request& request, const Outcome<UploadStatus>& outcome, const WireSettings& settings) {
  if (!outcome) return refuse(Dialect::put, outcome.error(), settings);
  if (std::holds_alternative<ReadReply>(request.operation)) {
    const auto refusal = refusal_of(*outcome);
    return refuse(Dialect::put,
                  refusal.value_or(Refused{Problem::unknown_upload, "cannot find a reply: there is none to this upload",
                                           std::nullopt, std::nullopt}),
                  settings);
  }
  http::Response response;
  response.fields = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = state_json(*outcome);
  return response;
}

}  // namespace

Dialect spoken_dialect(const http::RequestHead& head) {
  if (is_packet(head, head.method)) return Dialect::bits;
  return head.find("Tus-Resumable") ? Dialect::tus : Dialect::put;
}

std::variant<Request, http::Response> translate(const http::RequestHead& head, const WireSettings& settings) {
  const auto method = method_of(head);
  if (!method) return refuse_any(head, method.error(), settings);
  const auto target = parse_target(head);
  if (!target) return refuse_any(head, target.error(), settings);
  if (*method == "OPTIONS") return answer_options(target->kind, settings);
  const Methods methods = methods_of(target->kind);
  if (std::find(methods.begin(), methods.end(), *method) == methods.end()) {
    Fault fault =
        bad(fmt::format("{} is not taken at this path", is_packet(head, *method) ? "a BITS packet" : "its method"), 405)
            .value();
    fault.fields = {{"Allow", allow(target->kind)}};
    return refuse_any(head, fault, settings);
  }
  if (const auto one = check_one_dialect(head, *method, target->kind); !one)
    return refuse_any(head, one.error(), settings);
  return translate_method(head, *method, *target, settings);
}

http::Response answer_slow_body(const http::RequestHead& head, const WireSettings& settings) {
  Fault fault;
  fault.problem = Problem::too_slow;
  return refuse_any(head, fault, settings);
}

http::Response answer(const Request& request, const Outcome<UploadStatus>& outcome, const WireSettings& settings) {
  if (std::holds_alternative<ReadReply>(request.operation) || std::holds_alternative<ShowState>(request.operation))
    return answer_read(request, outcome, settings);
  switch (request.dialect) {
    case Dialect::tus:
      return answer_tus(request, outcome, settings);
    case Dialect::bits:
      return answer_bits(request, outcome, settings);
    case Dialect::put:
      break;
  }
  return answer_put(request, outcome, settings);
}

}  // namespace larder::inbox

#include "inbox/ledger/row_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace larder::inbox {
namespace {

Refused refusal(Problem problem, const UploadRow& row, std::string detail) {
  return Refused{problem, std::move(detail), status_of(row), std::nullopt};
}

tl::unexpected<Refused> refused(Problem problem, const UploadRow& row, std::string detail) {
  return tl::unexpected<Refused>(refusal(problem, row, std::move(detail)));
}

tl::unexpected<Refused> cannot(const UploadRow& row, std::string_view doing) {
  return tl::unexpected<Refused>(impossible(row, doing));
}

// The state and the epoch that a writer has to find.
std::optional<Refused> check_writer(const UploadRow& row, std::uint64_t epoch, UploadState expected,
                                    std::string_view doing) {
  if (row.state != expected) return impossible(row, doing);
  if (row.epoch == epoch) return std::nullopt;
  return refusal(Problem::superseded, row,
                 fmt::format("cannot {} upload {}: a newer request took it over", doing, row.id));
}

std::optional<Refused> check_offset(const UploadRow& row, std::uint64_t from) {
  if (row.offset == from) return std::nullopt;
  return refusal(Problem::wrong_offset, row,
                 fmt::format("cannot append to upload {} at {}: it has {} bytes", row.id, from, row.offset));
}

void settle(UploadRow& row, UploadState state, WallTime now) {
  row.state = state;
  row.settled_at = now;
  if (!row.delivery) return;
  row.delivery->next_at.reset();
  row.delivery->lease_until.reset();
}

// On the boundary of a character, so that the text stays UTF-8.
std::string cut_result(std::string text) {
  if (text.size() <= kMaxResult) return text;
  std::size_t end = kMaxResult;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

Refused refused_by(const Error& error) {
  Problem problem = Problem::failed;
  if (error.code == ErrorCode::disk_full) problem = Problem::no_space;
  if (error.code == ErrorCode::busy) problem = Problem::busy;
  return Refused{problem, error.text(), std::nullopt, error.retry_after};
}

Refused unknown_upload(const std::string& id) {
  return Refused{Problem::unknown_upload, fmt::format("cannot find upload {}: there is none; make a new one", id),
                 std::nullopt, std::nullopt};
}

Refused impossible(const UploadRow& row, std::string_view doing) {
  const std::string detail = fmt::format("cannot {} upload {}: it is {}", doing, row.id, state_name(row.state));
  switch (row.state) {
    case UploadState::cancelled:
    case UploadState::expired:
      return refusal(Problem::gone, row, detail + "; make a new one");
    case UploadState::failed:
      return refusal(Problem::content_digest, row, detail + (row.answer ? ": " + row.answer->text : ""));
    case UploadState::rejected:
      return refusal(Problem::rejected, row, detail + (row.answer ? ": " + row.answer->text : ""));
    case UploadState::sealed:
      return refusal(Problem::pending, row, detail + " and not accepted yet; ask again later");
    case UploadState::receiving:
    case UploadState::accepted:
    case UploadState::delivering:
    case UploadState::delivered:
      break;
  }
  return refusal(Problem::already_settled, row, detail);
}

UploadStatus status_of(const UploadRow& row) {
  UploadStatus status;
  status.id = row.id;
  status.inbox = row.inbox;
  status.state = row.state;
  status.offset = row.offset;
  status.size = row.size;
  status.name = row.name;
  status.metadata = row.metadata;
  status.sha256 = row.computed ? row.computed : row.declared;
  if (row.state == UploadState::receiving) status.expires_at = row.expires_at;
  status.answer = row.answer;
  if (row.state == UploadState::delivered) status.delivered_at = row.settled_at;
  if (row.delivery) {
    status.attempt = row.delivery->attempt;
    // One in the store goes with the content.
    const std::string& reply = row.delivery->reply;
    status.has_reply = reply == kReplyInStore ? row.has_content : !reply.empty();
    if (status.has_reply && reply != kReplyInStore) status.reply_at = reply;
  }
  return status;
}

std::chrono::seconds wait_before_attempt(unsigned attempts_made, const RetryRules& rules) {
  std::chrono::seconds wait = rules.first;
  for (unsigned i = 1; i < attempts_made && wait < rules.longest; ++i) wait *= 2;
  return std::min(std::max(wait, rules.least), rules.longest);
}

std::optional<Refused> refuse_other_content(const UploadRow& row, const CreateUpload& repeated) {
  const bool other_size = repeated.size && row.size && *repeated.size != *row.size;
  const std::optional<Digest>& known = row.declared ? row.declared : row.computed;
  const bool other_digest = repeated.sha256 && known && *repeated.sha256 != *known;
  if (!other_size && !other_digest) return std::nullopt;
  return refused(
             Problem::key_conflict, row,
             fmt::format("cannot make an upload with the key \"{}\": upload {} has it, with another {}; use a new key "
                         "for other content",
                         row.key, row.id, other_size ? "size" : "digest"))
      .value();
}

Outcome<Change> take(UploadRow& row, const std::string& holder) {
  if (row.state != UploadState::receiving || row.holder == holder) return Change::none;
  row.holder = holder;
  ++row.epoch;
  return Change::made;
}

Outcome<Change> declare(UploadRow& row, std::uint64_t epoch, const Declaration& said) {
  if (auto problem = check_writer(row, epoch, UploadState::receiving, "set the size of")) {
    return tl::unexpected(std::move(*problem));
  }
  if ((row.size && *row.size != said.size) || said.size < row.offset) {
    return refused(Problem::wrong_size, row,
                   fmt::format("cannot set the size of upload {} to {}: {}", row.id, said.size,
                               row.size ? fmt::format("it was {} before", *row.size)
                                        : fmt::format("it has {} bytes already", row.offset)));
  }
  if (said.sha256 && row.declared && *said.sha256 != *row.declared) {
    return refused(Problem::bad_request, row,
                   fmt::format("cannot set the SHA-256 of upload {}: another one was said before", row.id));
  }
  if (row.size == said.size && (!said.sha256 || row.declared)) return Change::none;
  row.size = said.size;
  if (said.sha256) row.declared = said.sha256;
  return Change::made;
}

Outcome<Change> advance(UploadRow& row, std::uint64_t epoch, const Advance& step) {
  if (auto problem = check_writer(row, epoch, UploadState::receiving, "append to")) {
    return tl::unexpected(std::move(*problem));
  }
  if (auto problem = check_offset(row, step.from)) return tl::unexpected(std::move(*problem));
  if (step.to < step.from || (row.size && step.to > *row.size)) {
    return refused(Problem::wrong_size, row,
                   fmt::format("cannot append to upload {}: the part goes beyond its size", row.id));
  }
  if (step.to == step.from) return Change::none;
  row.offset = step.to;
  row.progressed_at = step.now;
  row.expires_at = std::max(row.expires_at, step.expires_at);
  return Change::made;
}

Outcome<Change> seal(UploadRow& row, std::uint64_t epoch, const Seal& sealed) {
  if (auto problem = check_writer(row, epoch, UploadState::receiving, "seal")) {
    return tl::unexpected(std::move(*problem));
  }
  if (auto problem = check_offset(row, sealed.from)) return tl::unexpected(std::move(*problem));
  if (row.size != sealed.size || sealed.size < sealed.from) {
    return refused(Problem::wrong_size, row,
                   fmt::format("cannot seal upload {}: it has {} bytes, which is not its size", row.id, sealed.size));
  }
  if (row.declared && *row.declared != sealed.digest) {
    return refused(Problem::content_digest, row,
                   fmt::format("cannot seal upload {}: its SHA-256 is not the one that was declared", row.id));
  }
  row.offset = sealed.size;
  row.computed = sealed.digest;
  row.progressed_at = sealed.now;
  row.state = UploadState::sealed;
  if (sealed.accept_with)
    return accept(row, epoch, sealed.answer_later ? std::nullopt : sealed.accept_with, sealed.now);
  return Change::made;
}

Outcome<Change> accept(UploadRow& row, std::uint64_t epoch, const std::optional<StoredAnswer>& answer, WallTime now) {
  if (auto problem = check_writer(row, epoch, UploadState::sealed, "accept"))
    return tl::unexpected(std::move(*problem));
  row.state = UploadState::accepted;
  row.answer = answer;
  row.delivery.emplace();
  row.delivery->accepted_at = now;
  row.delivery->next_at = now;
  return Change::made;
}

Outcome<Change> refuse(UploadRow& row, std::uint64_t epoch, UploadEvent event, const StoredAnswer& answer,
                       WallTime now) {
  const auto next = next_state(row.state, event);
  if (!next) return cannot(row, "refuse");
  if (*next == row.state) return Change::none;
  if (auto problem = check_writer(row, epoch, row.state, "refuse")) return tl::unexpected(std::move(*problem));
  settle(row, *next, now);
  row.answer = answer;
  return Change::made;
}

Outcome<Change> cancel(UploadRow& row, WallTime now) {
  const auto next = next_state(row.state, UploadEvent::cancel);
  if (!next) return cannot(row, "cancel");
  if (*next == row.state) return Change::none;
  settle(row, *next, now);
  return Change::made;
}

Outcome<Change> expire(UploadRow& row, WallTime now) {
  const auto next = next_state(row.state, UploadEvent::expire);
  if (!next || (*next != row.state && now < row.expires_at)) return cannot(row, "let expire");
  if (*next == row.state) return Change::none;
  settle(row, *next, now);
  return Change::made;
}

Outcome<Change> claim(UploadRow& row, const std::string& holder, WallTime now, Duration lease) {
  const auto next = next_state(row.state, UploadEvent::claim);
  if (!next || !row.delivery) return cannot(row, "hand over");
  if (row.delivery->next_at && now < *row.delivery->next_at) {
    return refused(Problem::pending, row, fmt::format("cannot hand over upload {}: it is not due yet", row.id));
  }
  row.state = *next;
  ++row.epoch;
  ++row.delivery->attempt;
  row.delivery->holder = holder;
  row.delivery->next_at.reset();
  row.delivery->lease_until = now + lease;
  return Change::made;
}

Outcome<Change> renew(UploadRow& row, unsigned attempt, WallTime until) {
  if (row.state != UploadState::delivering || !row.delivery) return cannot(row, "extend the lease of");
  if (row.delivery->attempt != attempt) {
    return refused(
        Problem::superseded, row,
        fmt::format("cannot extend the lease of upload {}: attempt {} has begun", row.id, row.delivery->attempt));
  }
  row.delivery->lease_until = until;
  return Change::made;
}

Outcome<Change> acknowledge(UploadRow& row, std::string result, std::string reply, WallTime now) {
  const auto next = next_state(row.state, UploadEvent::application_took);
  // It cannot have taken what it was never given.
  if (!next || !row.delivery || row.delivery->attempt == 0) return cannot(row, "acknowledge");
  if (*next == row.state) return Change::none;
  settle(row, *next, now);
  row.delivery->result = cut_result(std::move(result));
  row.delivery->reply = std::move(reply);
  if (!row.answer) row.answer = StoredAnswer{};
  return Change::made;
}

Outcome<Change> reject(UploadRow& row, std::string result, const StoredAnswer& answer, WallTime now) {
  const auto next = next_state(row.state, UploadEvent::application_refused);
  if (!next || (*next != row.state && (!row.delivery || row.delivery->attempt == 0))) return cannot(row, "reject");
  if (*next == row.state) return Change::none;
  settle(row, *next, now);
  row.delivery->result = cut_result(std::move(result));
  row.answer = answer;
  return Change::made;
}

Outcome<Change> end_attempt(UploadRow& row, unsigned attempt, std::string result, WallTime now,
                            const RetryRules& rules) {
  if (!next_state(row.state, UploadEvent::attempt_ended) || !row.delivery) return cannot(row, "end an attempt of");
  if (row.state != UploadState::delivering || row.delivery->attempt != attempt) return Change::none;
  if (attempt >= rules.attempts || now - row.delivery->accepted_at >= rules.age) {
    StoredAnswer answer{502, fmt::format("the application did not take it in {} attempts", attempt)};
    return reject(row, std::move(result), answer, now);
  }
  row.state = UploadState::accepted;
  row.delivery->result = cut_result(std::move(result));
  row.delivery->lease_until.reset();
  row.delivery->next_at = now + wait_before_attempt(attempt, rules);
  return Change::made;
}

}  // namespace larder::inbox

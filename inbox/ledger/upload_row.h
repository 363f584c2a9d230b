// An upload as the ledger keeps it: everything that has to outlive the process. A value; any thread may hold one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/runtime/clock.h"
#include "inbox/model/operations.h"

namespace larder::inbox {

// How often and how late the hand-over of an accepted upload is tried. It exists from the acceptance on.
struct DeliveryRow {
  unsigned attempt = 0;  // begun so far
  WallTime accepted_at{};
  std::optional<WallTime> next_at;      // while accepted: not claimed before
  std::optional<WallTime> lease_until;  // while delivering: the application has it until then
  std::string holder;                   // who claimed it
  std::string result;                   // what the application said, for a person: at most kMaxResult bytes
  std::string reply;                    // kReplyInStore, or a URL where the client finds it; empty: none
};

inline constexpr std::size_t kMaxResult = std::size_t{64} * 1024;
inline constexpr std::string_view kReplyInStore = "file";
inline constexpr std::size_t kMaxReplyUrl = 2200;  // as BITS takes

struct UploadRow {
  std::string id;
  std::string inbox;
  std::string principal;
  std::string key;  // empty: the creation cannot be repeated
  Dialect dialect = Dialect::tus;
  std::string name;
  std::string metadata;
  std::string url;
  std::optional<std::uint64_t> size;
  std::optional<Digest> declared;  // SHA-256 of the whole, as the client said
  std::optional<Digest> computed;  // as the bytes have it, from `sealed` on
  UploadState state = UploadState::receiving;
  std::uint64_t offset = 0;  // bytes that are synced
  // Fencing. Who writes shows the epoch that take() gave; a newer take() makes it void. `holder` is the process that
  // took it: one process orders its writers itself, so taking again costs it nothing.
  std::uint64_t epoch = 1;
  std::string holder;
  WallTime created_at{};
  WallTime progressed_at{};
  WallTime expires_at{};               // while receiving
  std::optional<WallTime> settled_at;  // delivered, rejected, failed, cancelled or expired
  std::optional<StoredAnswer> answer;
  bool has_content = true;  // the store may hold a file of it; false once that is removed for good
  std::optional<DeliveryRow> delivery;
};

}  // namespace larder::inbox

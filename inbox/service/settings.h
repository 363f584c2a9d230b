// The limits of the inbox, and how long it keeps things.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::inbox {

// Of the uploads to one inbox.
struct UploadLimits {
  std::uint64_t max_size = 1024 * kGiB;
  // Of one request; none: a client may send all of an upload in one, as tus-js-client and curl do.
  std::optional<std::uint64_t> max_part;
  unsigned max_open = 50;                         // receiving or sealed uploads of one principal
  Duration expiry = std::chrono::hours(24 * 14);  // since the last progress
  // A client is told of success once the application has the file, and waits so long for it; 0: once it is accepted.
  Duration wait_for_application{};
};

// Those of an inbox without limits of its own, and what all have in common.
struct UploadSettings : UploadLimits {
  std::map<std::string, UploadLimits> of_inbox;      // by its name
  std::uint64_t keep_free = 64 * kMiB;               // of the disk: the ledger needs room too
  Duration keep_delivered = std::chrono::hours(24);  // content, after the application took it
  std::chrono::hours keep_rejected{24 * 30};  // content that the application did not want, for a person to look at
  std::chrono::hours tombstones{24 * 90};     // rows that are over: the longest job of a client
  std::chrono::milliseconds sync_each{2000};  // of a long part, so that a crash costs no more than this
  std::chrono::seconds answer_within{240};    // a client is told `pending` then
  std::size_t read_ahead = 256 * kKiB;        // of one part, while the disk is at work
  std::size_t read_ahead_in_all = 64 * kMiB;  // beyond it each part has one piece in memory

  [[nodiscard]] const UploadLimits& limits_of(const std::string& inbox) const {
    const auto found = of_inbox.find(inbox);
    return found == of_inbox.end() ? *this : found->second;
  }
};

}  // namespace larder::inbox

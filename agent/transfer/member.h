// A member: one start() of a file, with its request and its state across the downloads that it joins.
#pragma once

#include <memory>
#include <vector>

#include "agent/transfer/transfer.h"

namespace larder::agent {

struct Member {
  TransferId id = 0;
  TransferRequest request;
  std::shared_ptr<TransferEvents> events;
  bool url_known = false;                        // the cache knows some record of the URL
  std::vector<cache::ContentInfo> own_contents;  // contents of earlier attempts, until one is chosen
  std::uint64_t wasted = 0;
  unsigned restarts = 0;
  unsigned relaunches = 0;  // times that a chosen content turned out to be missing
  bool alone = false;       // must not share a download
  bool connected = false;   // on_connected was called
  bool gone = false;        // stopped or done: no more events

  [[nodiscard]] const std::string& file_id() const { return request.file_id; }
  [[nodiscard]] cache::Holder holder() const {
    if (!request.user) return request.file_id;
    return {request.file_id, {*request.user, request.target.url.canonical()}};
  }
};

using MemberPtr = std::shared_ptr<Member>;

}  // namespace larder::agent

// Which edition of a URL the neighbours know to have been valid, when the origin cannot be asked: whoever holds one
// whole and judged tells its size and validators; the one fetched last counts. Loop thread. Ends by itself, within
// kWithin.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "peer/supply/neighbours.h"
#include "peer/supply/version_lookup.h"

namespace larder::peer {

struct FoundEdition {
  cache::Version version;
  WallTime fetched{};
};

class NewestLookup final : public std::enable_shared_from_this<NewestLookup> {
 public:
  static constexpr std::size_t kAsked = 4;
  static constexpr Duration kWithin = std::chrono::seconds(1);
  using Found = UniqueFunction<void(std::optional<FoundEdition>)>;

  NewestLookup(std::shared_ptr<LookupTools> tools, std::string url, const Digest& url_key, const Digest& group,
               Found found);
  ~NewestLookup();
  NewestLookup(const NewestLookup&) = delete;
  NewestLookup& operator=(const NewestLookup&) = delete;
  void start();
  void stop();  // what it uses goes away: answers that nothing was found, from the loop

 private:
  void answered(const std::vector<Holder>& holders);
  void manifest(const Result<CatalogueResponse>& answer);
  void finish();

  std::shared_ptr<LookupTools> tools_;
  std::string url_;
  Digest url_key_;
  Digest group_;
  Found found_;
  std::size_t under_way_ = 0;
  std::set<CallId> calls_;
  std::optional<FoundEdition> best_;
  TimerId deadline_ = 0;
};

}  // namespace larder::peer

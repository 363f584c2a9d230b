// Looks up the newest edition of a URL that neighbours found valid, for when the origin cannot be reached. Each holder
// of a complete and judged edition answers its size and validators; the edition that was fetched last is chosen.
// Loop thread. Keeps itself until it has called `found`, once, within kWithin; destroyed earlier, it posts nullopt.
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
  void stop();  // called before its tools end: calls off its requests and posts `found` with nullopt

 private:
  void on_holders(const std::vector<Holder>& holders);
  void on_manifest(const Result<CatalogueResponse>& answer);
  void answer_newest();

  std::shared_ptr<LookupTools> tools_;
  std::string url_;
  Digest url_key_;
  Digest group_;
  Found found_;
  std::set<CallId> calls_;
  std::optional<FoundEdition> best_;
  TimerId deadline_ = 0;
};

}  // namespace larder::peer

// Servers of uploads in memory, which lose answers, requests, sessions and themselves by seed, and a driver that
// carries out the steps of the rules against them. What a server takes for complete stands in its log of accepted
// files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "origin/upload/upload.h"

namespace larder::origin::test {

inline constexpr std::uint32_t kSessionNotFound = 0x8020001F;

[[nodiscard]] std::optional<std::string> field_of(const UploadRequest& request, std::string_view name);
[[nodiscard]] UploadAnswer answer_of(int status, std::vector<Header> headers = {}, std::string text = {});
[[nodiscard]] UploadAnswer no_answer(ErrorCode code = ErrorCode::connection_lost);

struct Accepted {
  std::string key;
  std::string bytes;
};

class ModelServer {
 public:
  virtual ~ModelServer() = default;
  // Handles a request of which `body` arrived; `whole` says whether that is all of it.
  virtual UploadAnswer handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                              bool whole) = 0;
  // Forgets what it holds of unfinished uploads.
  virtual void lose_state() = 0;

  std::vector<Accepted> accepted;
};

// How a tus server behaves.
struct TusManner {
  bool keyed = true;       // finds the upload of a key again, and tells digests; as larder-inbox
  bool checks = true;      // Upload-Checksum
  bool keeps_done = true;  // a complete upload can still be asked for
  std::uint64_t part_limit = UINT64_MAX;
};

class TusServer final : public ModelServer {
 public:
  explicit TusServer(TusManner manner) : manner_(manner) {}
  UploadAnswer handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                      bool whole) override;
  void lose_state() override;

 private:
  struct Upload {
    std::string key, bytes;
    std::uint64_t size = 0;
    bool done = false;
  };
  UploadAnswer create(const UploadRequest& request, const std::vector<Header>& digests);
  UploadAnswer append(Upload& upload, const UploadRequest& request, const std::vector<Header>& digests,
                      std::string_view body, bool whole);
  UploadAnswer told(const Upload& upload, int status) const;
  void complete(Upload& upload);

  TusManner manner_;
  std::map<std::string, Upload> uploads_;  // by path
  unsigned made_ = 0;
};

// How a BITS server behaves.
struct BitsManner {
  bool commits_at_close = false;  // as MC-BUP has it; else with the last byte, as the documentation of win32
  bool keeps_closed = true;       // a repeated Close is answered 200; else the session is gone
  bool once = false;              // the URL's file is taken once, as larder-inbox does
  bool braces = true;
  std::string host_id;
  std::uint64_t fall_back_s = 0;
  std::uint64_t part_limit = UINT64_MAX;
};

class BitsServer final : public ModelServer {
 public:
  explicit BitsServer(BitsManner manner) : manner_(std::move(manner)) {}
  UploadAnswer handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                      bool whole) override;
  void lose_state() override;
  bool host_away = false;   // requests to the host id reach nobody
  bool other_node = false;  // behind the shared name stands another node, which knows no session of the host's

 private:
  struct Session {
    std::string bytes;
    bool done = false, closed = false;
  };
  UploadAnswer fragment(Session& session, const UploadRequest& request, std::string_view body, bool whole);
  UploadAnswer close(const std::string& id);
  void complete(Session& session);

  BitsManner manner_;
  std::map<std::string, Session> sessions_;
  unsigned made_ = 0;
};

class PutServer final : public ModelServer {
 public:
  PutServer(bool tells_digest, bool keeps_torn) : tells_digest_(tells_digest), keeps_torn_(keeps_torn) {}
  UploadAnswer handle(const UploadRequest& request, const std::vector<Header>& digests, std::string_view body,
                      bool whole) override;
  void lose_state() override {}

 private:
  bool tells_digest_;
  bool keeps_torn_;  // a body that was cut off leaves a file
  std::optional<std::string> file_;
};

// What goes wrong on the way, each with a chance in a thousand for each request.
struct Faults {
  unsigned request_lost = 0;  // a part of its body may have arrived
  unsigned answer_lost = 0;
  unsigned unavailable = 0;   // 503 before anything is read
  unsigned failed_after = 0;  // 500 after the request was carried out
  unsigned damaged = 0;       // a byte of the body is changed on the way
  unsigned server_forgets = 0;
  unsigned agent_dies = 0;  // before the request, or after it was carried out
  unsigned most = 12;       // faults; then all goes well, so that a run ends
};

struct UploadRun {
  UploadStep end;
  UploadProgress progress;
  std::uint64_t faults = 0;   // that may cost a part
  std::uint64_t forgot = 0;   // that may cost the whole
  std::uint64_t largest = 0;  // bytes of the largest body
  unsigned steps = 0;
  std::string trouble;  // the rules broke their contract with the driver
};

// Carries out one upload of `source`; `progress` is what a job had stored.
[[nodiscard]] UploadRun run_upload(const UploadPlan& plan, UploadProgress progress, std::string_view source,
                                   ModelServer& server, const Faults& faults, std::uint64_t seed);

[[nodiscard]] std::string random_bytes(std::size_t size, Random& random);
[[nodiscard]] UploadPlan plan_for(UploadDialect dialect, std::uint64_t size);

}  // namespace larder::origin::test

// One part on its way from the body of a request to the disk and the ledger. Loop thread; keeps itself alive until it
// has answered.
//
// Bytes are written while more are read, within read_ahead. What is written is synced and then told to the ledger at
// the end, and every sync_each of a long part: only then is it the upload's. A part with a digest of its own is told
// whole or not at all. Whatever ends a part early (the client, the disk, a newer request) keeps what is there, unless
// the part has a digest or contradicts itself.
#pragma once

#include <memory>
#include <vector>

#include "base/runtime/callback_token.h"
#include "inbox/service/append_rules.h"
#include "inbox/service/body_reader.h"
#include "inbox/service/settlement.h"

namespace larder::inbox {

class Append : public std::enable_shared_from_this<Append> {
 public:
  struct Parts {
    std::shared_ptr<Context> context;
    std::shared_ptr<Settlements> settlements;
    std::string principal;
    AppendPart part;
    std::unique_ptr<BodyReader> body;
    Done<UploadStatus> done;
  };
  explicit Append(Parts parts) : parts_(std::move(parts)) {}

  void start(Turn turn);
  void refuse(Refused why) { answer(tl::unexpected<Refused>(std::move(why))); }  // instead of start()

 private:
  // How a part that does not reach its end is ended.
  struct Early {
    Refused why;
    bool keeps = false;  // what was written becomes the upload's
  };

  void on_taken(Outcome<UploadRow> row);
  void seal_first();
  void declare();
  void check_room(void (*then)(Append&));
  void plan();
  void open();
  void on_open(Result<std::unique_ptr<Part>> part);
  // What comes next: called after each event.
  void go_on();
  void read();
  void on_piece(Result<Buffer> piece);
  void on_lost();
  void take_piece(Buffer piece);
  void write();
  void on_written(Status written);
  void keep(bool at_end);
  void on_kept(Outcome<UploadRow> row, bool at_end);
  void conclude();
  void wind_up();
  void seal(bool early);
  void cut_and_answer(Refused why);
  void stop(Problem problem, std::string why, bool keeps);
  void answer(Outcome<UploadStatus> outcome);

  [[nodiscard]] bool may_read() const;
  [[nodiscard]] bool is_due() const;
  [[nodiscard]] bool is_whole() const { return row_.size && part_->end() == *row_.size; }

  Parts parts_;
  Turn turn_;
  UploadRow row_;
  AppendPlan plan_;
  std::unique_ptr<Part> part_;
  std::shared_ptr<PartHasher> hasher_;  // where the part has a digest
  std::vector<Buffer> pieces_;          // wait for the disk
  std::size_t waiting_ = 0;             // their bytes
  std::size_t writing_ = 0;             // bytes that the disk is at
  std::uint64_t received_ = 0;          // of the body
  SteadyTime kept_at_{};
  std::optional<Early> early_;
  bool reading_ = false;
  bool working_ = false;  // at the disk or the ledger
  bool ended_ = false;    // the body came to its end
  bool answered_ = false;
};

}  // namespace larder::inbox

// The uploads: the operations that every dialect is made of, over the ledger and the store. Loop thread.
//
// Each operation calls back once, on the loop, never within the call; not where the Uploads end before. What it says of
// an offset or a state is durable. Operations on one upload come one after the other, and the newest wins: it ends an
// append that is under way (Problem::superseded). Once the last byte is there the rest does not depend on the client:
// who asks again gets the same answer.
#pragma once

#include <memory>
#include <string>

#include "base/runtime/alive.h"
#include "inbox/ledger/ledger.h"
#include "inbox/service/awaited.h"
#include "inbox/service/body_reader.h"
#include "inbox/service/janitor.h"
#include "inbox/service/recovery.h"
#include "inbox/service/settings.h"
#include "inbox/service/verdict_hook.h"
#include "inbox/store/store.h"

namespace larder::inbox {

class Uploads {
 public:
  using Answer = UniqueFunction<void(Outcome<UploadStatus>)>;

  // The application's answer for the client.
  struct Reply {
    UploadStatus upload;  // where `reply_at` is not empty the client finds it there
    OpenReply body;       // else here
  };

  // All of them outlive the Uploads. `hook` null: what is whole is accepted at once.
  Uploads(Ledger& ledger, Store& store, Runtime runtime, UploadSettings settings, VerdictHook* hook);
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // An upload was accepted: its hand-over is due. Not called for those that were accepted before the start.
  void on_accepted(UniqueFunction<void(const UploadRow&)> accepted);

  // Before the first operation, and before anybody can ask for one.
  void recover(Recovery::Finished finished);

  // Makes the upload or finds it. One of zero bytes is whole by that. content_digest, rejected: the key names an upload
  // that has ended so.
  void create(const Principal& principal, CreateUpload request, Answer done);
  // Where a client may go on. Ends an append that is under way. pending: all bytes are there, and nothing is decided.
  void look(const Principal& principal, const std::string& id, Answer done);
  // The row as it is, without a turn: for a person or a program that watches. The answer may be of any state.
  void watch(const Principal& principal, const std::string& id, Answer done);
  // `part.id` names the upload. Where the last byte came the answer is that of the settlement.
  void append(const Principal& principal, AppendPart part, std::unique_ptr<BodyReader> body, Answer done);
  // The client says that it sent all: where no size was said, what is there is the whole.
  void complete(const Principal& principal, const std::string& id, Answer done);
  // Of what is accepted: already_settled. Repeated: the same answer again.
  void cancel(const Principal& principal, const std::string& id, Answer done);
  // Of an accepted upload that has no answer yet: the client waits for the application's word, for as long as the inbox
  // says. The answer is that of a look() then; pending: it did not come.
  void await_application(const Principal& principal, const UploadStatus& status, Answer done);
  // The application has said yes or no, and the ledger has it: those who wait are answered, perhaps within the call.
  void note_settled(const UploadRow& row);
  // pending: the application did not answer yet. unknown_upload: it gave none. gone: it was removed.
  void reply(const Principal& principal, const std::string& id, UniqueFunction<void(Outcome<Reply>)> done);

  // The janitor's round: once a minute or so.
  void expire(WallTime now, Janitor::Finished finished);

  // No operation that writes begins any more (busy), appends under way keep what they have and end. is_idle(): all
  // ended.
  void drain();
  [[nodiscard]] bool is_idle() const { return turns_.busy() == 0; }

 private:
  void on_made(FoundOrMade made, Answer done);
  void own(const Principal& principal, const std::string& id, Answer done, UniqueFunction<void(Answer)> go);
  void answer_row(Turn turn, UploadRow row, Answer done);
  void finish_whole(Turn turn, UploadRow row, Answer done);
  void open_reply(UploadStatus status, UniqueFunction<void(Outcome<Reply>)> done);
  void drop_cancelled(Turn turn, UploadRow row, Answer done);
  void with_turn(const std::string& id, Answer done, UniqueFunction<void(Turn, Answer)> go);

  std::shared_ptr<Context> context_;
  std::shared_ptr<Settlements> settlements_;
  Turns turns_;
  Awaited awaited_;
  Alive alive_;  // last: callbacks that come later reach nothing
};

}  // namespace larder::inbox

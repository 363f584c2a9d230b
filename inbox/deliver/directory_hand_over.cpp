#include "inbox/deliver/directory_hand_over.h"

#include <utility>

namespace larder::inbox {

DirectoryHandOver::DirectoryHandOver(std::string directory, ContentPath content_path, Runtime runtime, WorkerPool& pool)
    : files_(std::make_shared<const DirectoryFiles>(std::move(directory))),
      content_path_(std::move(content_path)),
      runtime_(runtime),
      pool_(pool) {}

DirectoryHandOver::~DirectoryHandOver() {
  alive_.end_guards();
  runtime_.timers.cancel(timer_);
}

// An attempt that another process began is looked at like a new one: what lies in ready/ is waited for, and what lies
// nowhere is put there. What the application renamed meanwhile is found in done/, which is why it must not delete it.
void DirectoryHandOver::begin(const UploadRow& row, bool /*resumed*/, Done done) {
  attempts_.insert_or_assign(row.id, Attempt{delivered_name(row.id, row.name), false, std::move(done)});
  look_now();
}

void DirectoryHandOver::look_soon() {
  if (attempts_.empty() || looking_ || timer_ != 0) return;
  timer_ = runtime_.timers.after(kInterval, [this] {
    timer_ = 0;
    look_now();
  });
}

void DirectoryHandOver::look_at(const DirectoryFiles& files, Look& look) {
  const auto place = files.find(look.name);
  if (!place) {
    look.problem = place.error().text();
    return;
  }
  look.step = directory_step(*place, look.was_ready);
  if (look.step != DirectoryStep::put_there) return;
  if (auto put = files.put(look.content, look.name); !put) look.problem = put.error().text();
}

void DirectoryHandOver::look_now() {
  if (looking_ || attempts_.empty()) return;
  auto looks = std::make_shared<std::vector<Look>>();
  for (const auto& [id, attempt] : attempts_)
    looks->push_back({id, attempt.name, content_path_(id), attempt.was_ready, DirectoryStep::wait, {}});
  auto answer = alive_.guard([this, looks] { on_looked(*looks); });
  looking_ = pool_.submit([files = files_, looks, &executor = runtime_.executor, answer = std::move(answer)]() mutable {
    for (Look& look : *looks) look_at(*files, look);
    executor.post(std::move(answer));
  });
  look_soon();  // where the pool had no room
}

void DirectoryHandOver::on_looked(const std::vector<Look>& looks) {
  looking_ = false;
  std::vector<std::pair<Done, AttemptEnd>> ended;
  const auto end = [&](std::map<std::string, Attempt>::iterator found, AttemptEnd::Kind kind, std::string result) {
    ended.emplace_back(std::move(found->second.done), AttemptEnd{kind, std::move(result)});
    attempts_.erase(found);
  };
  for (const Look& look : looks) {
    const auto found = attempts_.find(look.id);
    if (found == attempts_.end()) continue;
    if (!look.problem.empty()) {
      end(found, AttemptEnd::Kind::again, look.problem);
      continue;
    }
    switch (look.step) {
      case DirectoryStep::put_there:
      case DirectoryStep::wait:
        found->second.was_ready = true;
        break;
      case DirectoryStep::took:
        end(found, AttemptEnd::Kind::took, "the application moved it to done/");
        break;
      case DirectoryStep::refused:
        end(found, AttemptEnd::Kind::refused, "the application moved it to reject/");
        break;
      case DirectoryStep::lost:
        end(found, AttemptEnd::Kind::again, "the file went from ready/ and did not come to done/ or reject/");
        break;
    }
  }
  const auto still = alive_.watch();
  for (auto& [done, what] : ended) {
    done(std::move(what));
    if (still.expired()) return;
  }
  // New attempts may have come while the last look ran.
  bool fresh = false;
  for (const auto& [id, attempt] : attempts_) fresh = fresh || !attempt.was_ready;
  fresh ? look_now() : look_soon();
}

}  // namespace larder::inbox

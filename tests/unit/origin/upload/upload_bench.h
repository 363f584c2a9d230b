// One upload in the hands of a test: it is led into a phase, hears an answer, and says in a few words what comes next.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "../upload_model.h"
#include "base/error_table.h"
#include "base/runtime/loop.h"
#include "origin/upload/upload.h"

namespace larder::origin::test {

// "PATCH 0+10", "wait HEAD", "done", "fail http_fatal", "forget http_fatal".
[[nodiscard]] inline std::string words_of(const UploadStep& step) {
  const std::string code = step.error ? std::string(error_info(step.error->code).name) : "";
  if (step.kind == UploadStep::Kind::failed) return (step.forget_discovery ? "forget " : "fail ") + code;
  if (step.kind == UploadStep::Kind::done) return step.result.confirmed ? "done confirmed" : "done";
  if (step.kind == UploadStep::Kind::fetch_reply) return "reply " + step.reply_url;
  std::string text = step.wait > Duration::zero() ? "wait " : "";
  text += field_of(step.request, "BITS-Packet-Type").value_or(step.request.method);
  if (step.request.length > 0)
    text += " " + std::to_string(step.request.offset) + "+" + std::to_string(step.request.length);
  return text;
}

// An answer by its name: a status, "307" with a place to go to, or what happened instead of an answer.
[[nodiscard]] inline UploadAnswer answer_named(const std::string& name) {
  if (name == "lost") return no_answer(ErrorCode::connection_lost);
  if (name == "away") return no_answer(ErrorCode::connect_failed);
  if (name == "nonsense") return no_answer(ErrorCode::bad_response);
  if (name == "broken") return no_answer(ErrorCode::certificate_rejected);
  if (name == "unknown session") return answer_of(500, {{"BITS-Error-Code", "0x8020001F"}});
  if (name == "never fits") return answer_of(500, {{"BITS-Error-Code", "0x80200020"}});
  if (name == "application") return answer_of(403, {{"BITS-Error-Context", "0x7"}});
  if (name == "307") return answer_of(307, {{"Location", "/elsewhere/"}});
  return answer_of(std::stoi(name));
}

struct UploadBench {
  explicit UploadBench(UploadPlan given) : plan(std::move(given)) {}

  UploadTurn turn() { return {plan, progress, now, *random}; }
  UploadStep start() { return keep(start_upload(turn())); }
  UploadStep reply() { return keep(after_reply(turn())); }
  UploadStep cancel() { return keep(cancel_upload(turn())); }
  // The whole body was sent, or the part of it that `answer` says.
  UploadStep hear(UploadAnswer answer, bool whole = true) {
    if (whole) answer.sent = last.request.length;
    return keep(after_answer(turn(), answer));
  }
  std::string hear_words(UploadAnswer answer, bool whole = true) { return words_of(hear(std::move(answer), whole)); }

  UploadPlan plan;
  UploadProgress progress;
  UploadStep last;
  WallTime now{std::chrono::hours(500'000)};
  std::unique_ptr<Random> random = make_seeded_random(1);

 private:
  UploadStep keep(UploadStep step) {
    last = step;
    return step;
  }
};

// A table: a line for each answer, its columns separated by "|". The first line names the columns.
template <class Lead>
void expect_table(const char* table, Lead lead) {
  const auto cells = [](const std::string& line) {
    std::vector<std::string> out;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, '|');) {
      const std::size_t from = cell.find_first_not_of(' ');
      out.push_back(from == std::string::npos ? "" : cell.substr(from, cell.find_last_not_of(' ') - from + 1));
    }
    return out;
  };
  std::istringstream lines(table);
  std::string line;
  std::vector<std::string> columns;
  while (std::getline(lines, line)) {
    if (line.empty()) continue;
    const std::vector<std::string> row = cells(line);
    if (columns.empty()) {
      columns = row;
      continue;
    }
    ASSERT_EQ(row.size(), columns.size()) << line;
    for (std::size_t i = 1; i < row.size(); ++i) {
      UploadBench bench = lead(columns[i]);
      EXPECT_EQ(bench.hear_words(answer_named(row[0])), row[i]) << columns[i] << " hears " << row[0];
    }
  }
}

}  // namespace larder::origin::test

#include "client/requests.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace larder::agent {
namespace {

using nlohmann::json;

TEST(UploadBody, HasTheFilesInTheOrderOfTheirDescriptors) {
  UploadRequest request;
  request.job.priority = "normal";
  request.job.files.resize(2);
  request.job.files[0].url = "https://h/in/";
  request.job.files[0].sha256 = "aa";
  request.job.files[1].url = "https://h/in/";
  request.job.files[1].credentials = FileRequest::Credentials{"me", "s/"};
  request.names = {"a", "b \xff"};
  EXPECT_EQ(json::parse(upload_body(request)),
            json::parse(R"({"files": [{"url": "https://h/in/", "name": "a", "sha256": "aa"},
                                      {"url": "https://me:s%2F@h/in/", "name": "b \ufffd"}]})"));
}

TEST(UploadBody, LeavesOutWhatIsTheDefault) {
  UploadRequest request;
  request.job.files.resize(1);
  request.job.start = false;
  request.job.user = "me";
  request.transaction = "t";
  request.protocol = "bits";
  request.reply = request.spool = request.overwrite = true;
  EXPECT_EQ(json::parse(upload_body(request)),
            json::parse(R"({"files": [{"url": ""}], "priority": "foreground", "start": false, "connect": {"user": "me"},
                            "transaction": "t", "protocol": "bits", "reply": true, "spool": true, "overwrite": true})"));
}

TEST(PutReport, IsForPrograms) {
  JobView job;
  job.id = "j";
  job.state = "acknowledged";
  FileView& file = job.files.emplace_back();
  file.url = "https://h/in/";
  file.name = "a";
  file.state = "transferred";
  file.size = file.bytes = 3;
  file.sent = 4;
  file.resent = 1;
  file.protocol = "tus";
  file.source = "snapshot";
  file.transaction = "t";
  file.actual_sha256 = "aa";
  file.confirmed = true;
  EXPECT_EQ(json::parse(put_report(job, "/r", std::nullopt)),
            json::parse(R"({"job": "j", "state": "acknowledged", "reply": "/r", "error": null, "files": [
                {"index": 0, "url": "https://h/in/", "name": "a", "state": "transferred", "size": 3, "bytes": 3, "sent": 4,
                 "resent": 1, "protocol": "tus", "source": "snapshot", "transaction": "t", "sha256": "aa",
                 "confirmed": true, "error": null}]})"));
  const json failed = json::parse(put_report({}, "", Error{ErrorCode::source_changed, "put a", "why"}));
  EXPECT_EQ(failed["error"], json::parse(R"({"code": "source_changed", "message": "cannot put a: why"})"));
  EXPECT_TRUE(failed["reply"].is_null());
}

}  // namespace
}  // namespace larder::agent

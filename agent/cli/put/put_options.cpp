#include "agent/cli/put/put_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/cli/place/destination.h"
#include "agent/cli/show/progress.h"
#include "base/text/given_text.h"

namespace larder::agent {
namespace {

// As `larder get`: who waits at a terminal gives up sooner than a job in the background.
constexpr std::chrono::minutes kPutRetryFor{10};

tl::unexpected<Error> wrong(std::string what, std::string why) {
  return fail(ErrorCode::invalid_argument, "understand " + what, std::move(why));
}

bool reads_standard_input(const RequestOptions& options) {
  const auto is = [](const std::string& path) { return path == kStandardInput; };
  return is(options.header_file) || is(options.user_file) || is(options.netrc_file) || is(options.proxy_user_file) ||
         is(options.ca_file) || is(options.certificate_file) || is(options.key_file) || is(options.key_password_file);
}

Status check_paths(const std::vector<std::string>& paths, const RequestOptions& options) {
  if (paths.size() > kMaxPutFiles)
    return fail(ErrorCode::limit_exceeded, "put so many files",
                fmt::format("one command takes {} at most; call it again for the others", kMaxPutFiles));
  const bool piped = std::find(paths.begin(), paths.end(), kStandardInput) != paths.end();
  if (piped && paths.size() > 1) return wrong("what to put", "standard input goes alone: larder put - URL");
  if (piped && reads_standard_input(options))
    return wrong("what to put", "standard input is the file, and an option reads it too; give that option a file");
  for (const std::string& path : paths)
    if (path.empty()) return wrong("what to put", "the name of a file is empty");
  return {};
}

// The names that the receiver is told. Empty: standard input, and the URL has the name.
Result<std::vector<std::string>> names_of(const PutOptions& options, const std::vector<std::string>& paths,
                                          const std::string& url) {
  if (!options.sent_as.empty()) {
    if (paths.size() > 1) return wrong("--name", "it goes with one file");
    if (options.sent_as.find('/') != std::string::npos) return wrong("--name", "it is a name, without /");
    return std::vector{options.sent_as};
  }
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    if (path != kStandardInput) {
      names.push_back(sent_name(path));
      continue;
    }
    const std::size_t end = std::min(url.find_first_of("?#"), url.size());
    if (end == 0 || url[end - 1] == '/')
      return wrong("what to put", "standard input has no name and neither has the URL; give it one with --name");
    names.push_back(name_from_url(url));
  }
  return names;
}

Status add_upload(PutPlan& plan, const PutOptions& options) {
  UploadRequest& request = plan.request;
  if (options.transaction_given)
    if (auto sound = check_transaction(options.transaction); !sound) return sound;
  request.transaction = options.transaction;
  if (options.protocol != "auto") request.protocol = options.protocol;
  if (!options.reply_file.empty()) {
    if (request.protocol != "bits")
      return wrong("--reply", "of the protocols only BITS has replies; it goes with --protocol bits");
    if (plan.paths.size() > 1) return wrong("--reply", "it goes with one file");
    if (options.reply_file == "-") return wrong("--reply", "it names a file");
    request.reply = true;
  }
  plan.reply_file = options.reply_file;
  request.spool = options.spool || plan.from_standard_input();
  request.overwrite = options.overwrite;
  return {};
}

}  // namespace

Result<PutPlan> make_put_plan(const PutOptions& options, const FileReader& read) {
  if (options.words.size() < 2) return wrong("what to put", "name the file, or -, and the URL: larder put FILE URL");
  PutPlan plan;
  plan.paths.assign(options.words.begin(), options.words.end() - 1);
  if (auto sound = check_paths(plan.paths, options.request); !sound) return tl::unexpected(sound.error());
  const std::string url(trim_given(options.words.back()));
  auto names = names_of(options, plan.paths, url);
  if (!names) return tl::unexpected(names.error());
  if (auto added = add_upload(plan, options); !added) return tl::unexpected(added.error());
  auto urls = target_urls(url, *names, plan.request.protocol);
  if (!urls) return tl::unexpected(urls.error());
  RequestOptions asked = options.request;
  asked.urls = std::move(*urls);
  std::vector<ListedFile> listed;
  auto job = make_request(asked, read, listed);
  if (!job) return tl::unexpected(job.error());
  if (options.request.priority.empty()) job->priority = "foreground";
  plan.retry_for_given = job->no_progress_timeout.has_value();
  if (!plan.retry_for_given) job->no_progress_timeout = kPutRetryFor;
  job->name = put_job_name(*names);
  plan.request.job = std::move(*job);
  plan.request.names = std::move(*names);
  plan.json = options.json;
  plan.quiet = options.quiet;
  return plan;
}

}  // namespace larder::agent

// Maps members of a job or a file to columns: one list to write, read and name them, so that no column can be forgotten
// in one of these. A visitor is called with (column name, member) in the order of the list. `identity` columns are
// written once, `mutable` ones at every change.
#pragma once

#include "agent/jobs/model/job.h"

namespace larder::agent {

template <class JobRef, class Visitor>
void visit_job_identity(JobRef& job, Visitor& visit) {
  auto& options = job.options;
  auto& connect = options.connect;
  visit("owner", job.owner);
  visit("created", job.created);
  visit("minisign_public_key", options.verdict.minisign_public_key);
  visit("minisign_signature", options.verdict.minisign_signature);
  visit("hook", options.verdict.hook);
  visit("app", options.verdict.app);
  visit("headers", connect.headers);
  visit("user", connect.user);
  visit("password", connect.password);
  visit("proxy", connect.proxy);
  visit("proxy_user", connect.proxy_user);
  visit("proxy_password", connect.proxy_password);
  visit("ca_certificates", connect.ca_certificates);
  visit("client_certificate", connect.client_certificate);
  visit("client_key", connect.client_key);
  visit("client_key_password", connect.client_key_password);
  visit("http", connect.http);
  visit("max_file_size", options.max_file_size);
  visit("parallel_ranges", options.parallel_ranges);
  visit("use_cache", options.use_cache);
  visit("store", options.store);
  visit("redirect_loopback", options.redirect_loopback);
  visit("use_peers", options.use_peers);
  visit("share", options.share);
  visit("offline_ok", options.offline_ok);
  visit("upload", options.upload);
}

template <class JobRef, class Visitor>
void visit_job_mutable(JobRef& job, Visitor& visit) {
  auto& options = job.options;
  visit("name", options.name);
  visit("priority", options.priority);
  visit("max_rate", options.max_rate);
  visit("retry_delay", options.retry_delay);
  visit("no_progress_timeout", options.no_progress_timeout);
  visit("maximum_time", options.maximum_time);
  visit("notify_command", options.notify_command);
  visit("state", job.state);
  visit("modified", job.modified);
  visit("finished", job.finished);
  visit("error", job.error);
  visit("error_count", job.error_count);
  visit("retry_at", job.retry_at);
  visit("active_time", job.active_time);
  visit("retries", job.retries);
  visit("transient_since", job.transient_since);
  visit("notify_pending", job.notify_pending);
}

template <class FileRef, class Visitor>
void visit_file_identity(FileRef& file, Visitor& visit) {
  visit("destination", file.spec.destination);
  visit("ranges", file.spec.ranges);
  visit("sha256", file.spec.sha256);
  visit("minisign_signature", file.spec.minisign_signature);
}

template <class FileRef, class Visitor>
void visit_file_mutable(FileRef& file, Visitor& visit) {
  visit("url", file.spec.url);
  visit("user", file.spec.user);
  visit("password", file.spec.password);
  visit("state", file.state);
  visit("size", file.size);
  visit("bytes", file.bytes);
  visit("contiguous", file.contiguous);
  visit("from_origin", file.figures.origin);
  visit("from_peers", file.figures.peers);
  visit("from_cache", file.figures.cache);
  visit("wasted", file.figures.wasted);
  visit("content", file.content);
  visit("version", file.version);
  visit("actual_sha256", file.actual_sha256);
  visit("origin_sha256", file.origin_sha256);
  visit("verdict", file.verdict);
  visit("verdict_reason", file.verdict_reason);
  visit("origin_alone", file.origin_alone);
  visit("rejected", file.rejected);
  visit("version_told", file.version_told);
  visit("offline_age", file.offline_age);
  visit("retargeted", file.retargeted);
  visit("effective_url", file.effective_url);
  visit("note", file.note);
  visit("privacy", file.privacy);
  visit("file_name", file.file_name);
  visit("mirrors", file.spec.mirrors);
  visit("mirror", file.mirror);
  visit("mixed", file.mixed);
  visit("restarts", file.restarts);
  visit("upload", file.upload);
  visit("error", file.error);
}

}  // namespace larder::agent

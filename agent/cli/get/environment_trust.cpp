#include "agent/cli/get/environment_trust.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/config/environment_authorities.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

bool is_https(const std::string& text) {
  const auto url = origin::parse_url(text);
  return url && url->scheme == "https";
}

bool uses_tls(const JobRequest& request) {
  return std::any_of(request.files.begin(), request.files.end(), [](const FileRequest& file) {
    return is_https(file.url) || std::any_of(file.mirrors.begin(), file.mirrors.end(), is_https);
  });
}

std::string names_of(const AuthorityVariables& variables) {
  if (!variables.curl_ca_bundle.empty()) return "CURL_CA_BUNDLE";
  if (variables.ssl_cert_dir.empty()) return "SSL_CERT_FILE";
  return variables.ssl_cert_file.empty() ? "SSL_CERT_DIR" : "SSL_CERT_DIR and SSL_CERT_FILE";
}

bool is_own(const AgentAccess& agent) {
  return agent.located() && agent.located()->kind == AgentKind::user;
}

}  // namespace

Status add_environment_authorities(JobRequest& request, AgentAccess& agent) {
  const AuthorityVariables variables = authority_variables();
  if (variables.empty() || !request.ca_certificates.empty() || !uses_tls(request)) return {};
  auto client = agent.client();
  if (!client || !is_own(agent)) return {};  // its error is reported when it is asked for the job
  auto text = read_authorities_of(variables);
  if (!text) {
    Error error = text.error();
    error.detail += "; unset the variable, or name what is there";
    return tl::unexpected(std::move(error));
  }
  if (text->empty()) return {};
  const auto answer = (*client)->call("GET", "/v1/status");
  if (!answer) return {};
  const auto status = parse_status(answer->body);
  if (!status) return tl::unexpected(status.error());
  const bool same = status->authorities_fingerprint == authorities_fingerprint(*text);
  if (same || status->authorities_source == "configuration") return {};
  request.ca_certificates = std::move(*text);
  request.notes.push_back(
      fmt::format("your agent was not started with the certificate authorities that {} names now; they go with this "
                  "download, which is for nobody else then. End the agent, and the next command starts it with them",
                  names_of(variables)));
  return {};
}

std::string environment_advice(const AgentAccess& agent) {
  const AuthorityVariables variables = authority_variables();
  if (variables.empty() || is_own(agent)) return {};
  return fmt::format("this agent is not your own, and {} does not speak for it; --ca-file sends authorities with a job",
                     names_of(variables));
}

}  // namespace larder::agent

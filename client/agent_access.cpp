#include "client/agent_access.h"

namespace larder::agent {

Result<Client*> AgentAccess::client(bool start) {
  if (!client_) {
    auto located = locate_agent(socket_option_, environment_, start);
    if (!located) return tl::unexpected(located.error());
    located_ = *located;
    client_.emplace(located->socket, located->user);
  }
  return &*client_;
}

Status AgentAccess::revive() {
  if (client_) client_->disconnect();
  if (located_ && located_->kind == AgentKind::user) {
    const auto paths = user_paths(environment_);
    if (!paths) return tl::unexpected(paths.error());
    const auto socket = ensure_user_agent(*paths);
    if (!socket) return tl::unexpected(socket.error());
    located_->socket = *socket;
    if (client_) client_->use_socket(*socket);
    return {};
  }
  auto client = this->client();
  if (!client) return tl::unexpected(client.error());
  auto connection = connect_unix((*client)->socket_path());
  if (!connection) return tl::unexpected(connection.error());
  return {};
}

}  // namespace larder::agent

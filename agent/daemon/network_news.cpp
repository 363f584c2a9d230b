#include "agent/daemon/network_news.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace larder::agent {
namespace {

template <class T>
std::optional<T> read(Bytes from) {
  T value{};
  if (from.size() < sizeof(T)) return std::nullopt;
  std::memcpy(&value, from.data(), sizeof(T));
  return value;
}

Bytes after(Bytes bytes, std::size_t size) {
  return bytes.subspan(std::min<std::size_t>(size, bytes.size()));
}

// Returns true if the address existed before: it was created earlier than it was updated.
bool only_prolonged(Bytes body) {
  Bytes attributes = after(body, NLMSG_ALIGN(sizeof(ifaddrmsg)));
  while (const auto attribute = read<rtattr>(attributes)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > attributes.size()) break;
    const Bytes value = attributes.first(attribute->rta_len).subspan(RTA_LENGTH(0));
    if (attribute->rta_type == IFA_CACHEINFO) {
      const auto info = read<ifa_cacheinfo>(value);
      return info && info->cstamp != info->tstamp;
    }
    attributes = after(attributes, RTA_ALIGN(attribute->rta_len));
  }
  return false;
}

NetworkNews news_of(unsigned type, Bytes body) {
  switch (type) {
    case RTM_NEWADDR:
      return {true, !only_prolonged(body)};
    case RTM_NEWROUTE:
      return {true, true};
    case RTM_DELADDR:
    case RTM_DELROUTE:
      return {false, true};
    default:
      return {};
  }
}

}  // namespace

NetworkNews read_network_news(Bytes messages) {
  NetworkNews news;
  while (const auto header = read<nlmsghdr>(messages)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > messages.size()) break;
    news.add(news_of(header->nlmsg_type, messages.first(header->nlmsg_len).subspan(NLMSG_HDRLEN)));
    messages = after(messages, NLMSG_ALIGN(header->nlmsg_len));
  }
  return news;
}

}  // namespace larder::agent

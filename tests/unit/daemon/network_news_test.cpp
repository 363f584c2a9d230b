// What rtnetlink says, from messages made here.
#include "agent/daemon/network_news.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <vector>

namespace larder::agent {
namespace {

using Message = std::vector<std::byte>;

template <class T>
void append(Message& to, const T& value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof(T));
  to.resize(NLMSG_ALIGN(to.size()));
}

Message message(unsigned short type, const Message& body = {}) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<unsigned>(NLMSG_LENGTH(body.size()));
  header.nlmsg_type = type;
  Message out;
  append(out, header);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Message address(unsigned made, unsigned updated) {
  Message body;
  append(body, ifaddrmsg{});
  rtattr label{};
  label.rta_len = RTA_LENGTH(3);
  label.rta_type = IFA_LABEL;
  append(body, label);
  body.resize(body.size() + RTA_ALIGN(3));
  rtattr info{};
  info.rta_len = RTA_LENGTH(sizeof(ifa_cacheinfo));
  info.rta_type = IFA_CACHEINFO;
  append(body, info);
  ifa_cacheinfo times{};
  times.cstamp = made;
  times.tstamp = updated;
  append(body, times);
  return message(RTM_NEWADDR, body);
}

TEST(NetworkNews, SaysWhatHasReturnedAndWhatIsOther) {
  struct Row {
    unsigned short type;
    bool returned, changed;
  };
  for (const Row& row :
       {Row{RTM_NEWADDR, true, true}, Row{RTM_DELADDR, false, true}, Row{RTM_NEWROUTE, true, true},
        Row{RTM_DELROUTE, false, true}, Row{RTM_NEWLINK, false, false}, Row{RTM_NEWNEIGH, false, false}}) {
    const NetworkNews news = read_network_news(message(row.type));
    EXPECT_EQ(news.returned, row.returned) << row.type;
    EXPECT_EQ(news.changed, row.changed) << row.type;
  }
}

TEST(NetworkNews, AnAddressThatIsProlongedIsNoOther) {
  EXPECT_TRUE(read_network_news(address(100, 100)).changed);
  const NetworkNews prolonged = read_network_news(address(100, 900));
  EXPECT_FALSE(prolonged.changed);
  EXPECT_TRUE(prolonged.returned) << "as before: whoever waits may try";
}

TEST(NetworkNews, OfManyMessagesAndOfBrokenOnes) {
  Message many = message(RTM_NEWNEIGH);
  const Message gone = message(RTM_DELADDR);
  many.insert(many.end(), gone.begin(), gone.end());
  EXPECT_TRUE(read_network_news(many).changed);
  for (std::size_t size = 0; size < gone.size(); ++size) {
    EXPECT_FALSE(read_network_news(Bytes(gone).first(size)).changed) << size;
  }
  Message lies = gone;
  const unsigned length = 3;
  std::memcpy(lies.data(), &length, sizeof(length));
  EXPECT_FALSE(read_network_news(lies).changed);
  const Message whole = address(1, 2);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) (void)read_network_news(Bytes(whole).first(cut));
}

}  // namespace
}  // namespace larder::agent

#include "inbox/admin/inbox_admins.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace larder::inbox {
namespace {

TEST(InboxAdmins, RootTheServiceItselfAndThoseWhoAreNamed) {
  const InboxAdmins admins = InboxAdmins::resolve({"4242", "no such user"});
  EXPECT_TRUE(admins.has(0));
  EXPECT_TRUE(admins.has(::geteuid()));
  EXPECT_TRUE(admins.has(4242));
  EXPECT_FALSE(admins.has(4243));
  EXPECT_FALSE(admins.has(static_cast<uid_t>(-1)));
}

}  // namespace
}  // namespace larder::inbox

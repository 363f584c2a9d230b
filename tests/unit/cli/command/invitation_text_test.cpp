#include "agent/cli/command/invitation_text.h"

#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

const std::string kLine = "larder-invitation:AQZPZm";

TEST(ReadInvitation, TakesTheLineOrAFileAsMailAndEditorsLeaveIt) {
  EXPECT_EQ(read_invitation(kLine).value(), kLine);
  EXPECT_EQ(read_invitation("  " + kLine + "\r\n").value(), kLine);
  test::TempDirectory directory;
  const std::string path = directory / "invitation";
  for (const std::string& text :
       {kLine, kLine + "\n", "\uFEFF" + kLine + "\r\n", " \t" + kLine + " \n\n", "\uFEFF\r\n\u00A0" + kLine}) {
    test::write_file(path, text);
    EXPECT_EQ(read_invitation(path).value(), kLine) << text;
  }
}

TEST(ReadInvitation, SaysWhatToDoAboutUtf16) {
  test::TempDirectory directory;
  const std::string path = directory / "invitation";
  test::write_file(path, std::string("\xff\xfel\0a\0", 6));
  const auto read = read_invitation(path);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text().find("UTF-8"), std::string::npos) << read.error().text();
}

}  // namespace
}  // namespace larder::agent

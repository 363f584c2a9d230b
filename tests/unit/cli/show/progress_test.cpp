#include "agent/cli/show/progress.h"

#include <gtest/gtest.h>

#include "base/text/units.h"

namespace larder::agent {
namespace {

using std::chrono::seconds;

SteadyTime at(int second) {
  return SteadyTime{} + seconds(1000 + second);
}

ProgressFigures transferring(std::uint64_t bytes, std::optional<std::uint64_t> size, double rate) {
  ProgressFigures figures;
  figures.name = "x.iso";
  figures.state = "transferring";
  figures.bytes = bytes;
  figures.size = size;
  figures.rate = rate;
  figures.figures.origin = bytes;
  return figures;
}

TEST(RateMeter, IsZeroUntilThereAreTwoPoints) {
  RateMeter meter;
  EXPECT_EQ(meter.rate(at(0)), 0);
  meter.add(at(0), 100);
  EXPECT_EQ(meter.rate(at(1)), 0);
}

TEST(RateMeter, IsThatOfTheLastSeconds) {
  RateMeter meter;
  for (int second = 0; second <= 10; ++second) meter.add(at(second), static_cast<std::uint64_t>(second) * 1000);
  for (int second = 11; second <= 20; ++second)
    meter.add(at(second), 10000 + static_cast<std::uint64_t>(second - 10) * 50);
  EXPECT_NEAR(meter.rate(at(20)), 50, 1);
}

TEST(RateMeter, FallsWhileNothingComes) {
  RateMeter meter;
  meter.add(at(0), 0);
  meter.add(at(1), 1000);
  EXPECT_NEAR(meter.rate(at(1)), 1000, 1);
  EXPECT_NEAR(meter.rate(at(10)), 100, 1);
}

TEST(RateMeter, StartsAfreshAfterARestartOfTheFile) {
  RateMeter meter;
  meter.add(at(0), 0);
  meter.add(at(1), 5000);
  meter.add(at(2), 10);
  EXPECT_EQ(meter.rate(at(2)), 0);
  meter.add(at(3), 110);
  EXPECT_NEAR(meter.rate(at(3)), 100, 1);
}

TEST(RenderProgress, ShowsPercentRateTimeLeftShareAndName) {
  const std::string line = render_progress(transferring(256 * kMiB, kGiB, 64.0 * kMiB), 120);
  EXPECT_NE(line.find("25.0%"), std::string::npos) << line;
  EXPECT_NE(line.find("ETA"), std::string::npos) << line;
  EXPECT_NE(line.find("13s"), std::string::npos) << line;
  EXPECT_NE(line.find("origin 100%"), std::string::npos) << line;
  EXPECT_NE(line.find("x.iso"), std::string::npos) << line;
}

TEST(RenderProgress, NeverSaysHundredBeforeTheEnd) {
  EXPECT_EQ(render_progress(transferring(kGiB - 1, kGiB, 1e6), 120).find("100.0%"), std::string::npos);
  EXPECT_NE(render_progress(transferring(kGiB, kGiB, 1e6), 120).find("100.0%"), std::string::npos);
  EXPECT_NE(render_progress(transferring(0, 0, 0), 120).find("100.0%"), std::string::npos);  // an empty file
}

TEST(RenderProgress, KeepsToTheWidthWhateverItIs) {
  ProgressFigures figures = transferring(123 * kMiB, 999 * kMiB, 12345678);
  figures.name = "ein-sehr-langer-name-äöü-\u65e5\u672c\u8a9e.tar.zst";
  figures.files_total = 12;
  figures.figures = {100, 200, 300, 0};
  for (unsigned width = 0; width < 200; ++width)
    EXPECT_LE(text_columns(render_progress(figures, width)), width) << width;
}

TEST(RenderProgress, SaysWhyItWillTryAgain) {
  ProgressFigures figures = transferring(1, 10, 0);
  figures.state = "transient_error";
  figures.trouble = "trying again: connection refused";
  EXPECT_NE(render_progress(figures, 120).find("connection refused"), std::string::npos);
  figures.trouble = "trying for another 9m: " + std::string(200, 'x');
  for (unsigned width = 0; width < 200; ++width)
    EXPECT_LE(text_columns(render_progress(figures, width)), width) << width;
  EXPECT_NE(render_progress(figures, 80).find("trying for another 9m: xxx"), std::string::npos);
}

TEST(RenderProgress, HasNoTimeLeftWithoutSizeOrRate) {
  EXPECT_EQ(render_progress(transferring(5, std::nullopt, 100), 120).find("ETA"), std::string::npos);
  EXPECT_EQ(render_progress(transferring(5, 10, 0), 120).find("ETA"), std::string::npos);
}

TEST(RenderShares, LeavesOutWhatDidNotHelp) {
  EXPECT_EQ(render_shares({80, 0, 20, 7}), "origin 80% cache 20%");
  EXPECT_EQ(render_shares({0, 10, 0, 0}), "peers 100%");
  EXPECT_EQ(render_shares({}), "");
}

TEST(Printable, MakesForeignTextHarmless) {
  const struct {
    std::string in, out;
  } cases[] = {
      {"plain", "plain"},
      {"\x1b[31mred", "?[31mred"},
      {"a\nb\rc\td", "a?b?c?d"},
      {std::string("nul\0!", 5), "nul?!"},
      {"ü\u65e5", "ü\u65e5"},
      {"\xff\xfe", "??"},
      {"\xc3", "?"},            // cut short
      {"\xc0\xaf", "??"},       // overlong
      {"\xed\xa0\x80", "???"},  // surrogate
      {"\xc2\x9b"
       "31m",
       "?31m"},                         // C1: CSI
      {"a\u202Egnp.exe", "a?gnp.exe"},  // reads backwards
      {"a\u2066b", "a?b"},
  };
  for (const auto& c : cases) EXPECT_EQ(printable(c.in), c.out);
}

TEST(Clipped, NeverCutsACharacter) {
  EXPECT_EQ(clipped("äöü", 2), "äö");
  EXPECT_EQ(clipped("äöü", 0), "");
  EXPECT_EQ(clipped("äöü", 9), "äöü");
}

}  // namespace
}  // namespace larder::agent

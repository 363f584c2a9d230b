#include "base/text/metrics_page.h"

#include <gtest/gtest.h>

namespace larder {
namespace {

TEST(MetricsPage, FamiliesAndTheirSamples) {
  MetricsPage page;
  page.family("larder_jobs", "gauge", "Jobs by state.");
  page.sample("state", "queued", 3);
  page.sample({{"dialect", "tus"}, {"code", "204"}}, 7U);
  page.family("larder_up", "counter", "One.");
  page.sample(1);
  EXPECT_EQ(page.take(),
            "# HELP larder_jobs Jobs by state.\n"
            "# TYPE larder_jobs gauge\n"
            "larder_jobs{state=\"queued\"} 3\n"
            "larder_jobs{dialect=\"tus\",code=\"204\"} 7\n"
            "# HELP larder_up One.\n"
            "# TYPE larder_up counter\n"
            "larder_up 1\n");
}

TEST(MetricsPage, AValueThatWouldEndTheLabelIsEscaped) {
  MetricsPage page;
  page.family("f", "gauge", "h");
  page.sample("l", "a\"b\\c\nd", 1);
  EXPECT_NE(page.take().find("f{l=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
}

}  // namespace
}  // namespace larder

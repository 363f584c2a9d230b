#include "inbox/service/append_rules.h"

#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

UploadRow row_at(std::uint64_t offset, std::optional<std::uint64_t> size = 100) {
  UploadRow row;
  row.id = "up";
  row.offset = offset;
  row.size = size;
  return row;
}

AppendPart part_at(std::uint64_t offset, std::optional<std::uint64_t> length = std::nullopt, bool skips = false) {
  AppendPart part;
  part.offset = offset;
  part.length = length;
  part.skips_known = skips;
  return part;
}

const UploadSettings kSettings = [] {
  UploadSettings settings;
  settings.max_size = 1000;
  return settings;
}();

TEST(PlanAppend, EachRow) {
  UploadSettings parts = kSettings;
  parts.max_part = 20;
  struct Case {
    const char* what;
    UploadRow row;
    AppendPart part;
    UploadSettings settings;
    std::uint64_t skip, most;
    Problem beyond;
    bool changes_nothing;
  };
  using P = Problem;
  const std::vector<Case> cases = {
      {"length known", row_at(10), part_at(10, 5), kSettings, 0, 5, P::bad_request, false},
      {"up to the size", row_at(10), part_at(10, 90), kSettings, 0, 90, P::bad_request, false},
      {"length unknown", row_at(10), part_at(10), kSettings, 0, 90, P::wrong_size, false},
      {"nothing known", row_at(10, std::nullopt), part_at(10), kSettings, 0, 990, P::too_large, false},
      {"a bound for parts", row_at(10), part_at(10), parts, 0, 20, P::part_too_large, false},
      {"the size is nearer than the bound", row_at(90), part_at(90), parts, 0, 10, P::wrong_size, false},
      {"overlap", row_at(10), part_at(4, 10, true), kSettings, 6, 10, P::bad_request, false},
      {"overlap, length unknown", row_at(10), part_at(4, std::nullopt, true), kSettings, 6, 96, P::wrong_size, false},
      {"wholly known", row_at(10), part_at(4, 6, true), kSettings, 6, 6, P::bad_request, true},
      {"empty at the offset", row_at(10), part_at(10, 0), kSettings, 0, 0, P::bad_request, false},
  };
  for (const Case& one : cases) {
    const auto plan = plan_append(one.row, one.part, one.settings);
    ASSERT_TRUE(plan) << one.what << ": " << plan.error().detail;
    EXPECT_EQ(plan->skip, one.skip) << one.what;
    EXPECT_EQ(plan->most, one.most) << one.what;
    EXPECT_EQ(plan->beyond, one.beyond) << one.what;
    EXPECT_EQ(plan->changes_nothing, one.changes_nothing) << one.what;
  }
}

TEST(PlanAppend, EachRefusal) {
  UploadSettings parts = kSettings;
  parts.max_part = 20;
  UploadRow declared = row_at(10);
  declared.declared = sha256(as_bytes("a"));
  AppendPart other_digest = part_at(10);
  other_digest.sha256 = sha256(as_bytes("b"));
  AppendPart other_total = part_at(10);
  other_total.total = 99;
  AppendPart large_total = part_at(10);
  large_total.total = 1001;
  AppendPart small_total = part_at(10);
  small_total.total = 9;
  struct Case {
    const char* what;
    UploadRow row;
    AppendPart part;
    UploadSettings settings;
    Problem problem;
  };
  const std::vector<Case> cases = {
      {"gap", row_at(10), part_at(11), kSettings, Problem::wrong_offset},
      {"gap with skipping", row_at(10), part_at(11, 1, true), kSettings, Problem::wrong_offset},
      {"overlap without skipping", row_at(10), part_at(9), kSettings, Problem::wrong_offset},
      {"beyond the size", row_at(10), part_at(10, 91), kSettings, Problem::wrong_size},
      {"beyond everything", row_at(10), part_at(10, ~0ULL), kSettings, Problem::wrong_size},
      {"beyond what is allowed", row_at(10, std::nullopt), part_at(10, 991), kSettings, Problem::too_large},
      {"part too large", row_at(10), part_at(10, 21), parts, Problem::part_too_large},
      {"another size", row_at(10), other_total, kSettings, Problem::wrong_size},
      {"a size below the offset", row_at(10, std::nullopt), small_total, kSettings, Problem::wrong_size},
      {"a size that is not allowed", row_at(10, std::nullopt), large_total, kSettings, Problem::too_large},
      {"another digest", declared, other_digest, kSettings, Problem::bad_request},
  };
  for (const Case& one : cases) {
    const auto plan = plan_append(one.row, one.part, one.settings);
    ASSERT_FALSE(plan) << one.what;
    EXPECT_EQ(plan.error().problem, one.problem) << one.what;
    EXPECT_FALSE(plan.error().detail.empty());
  }
}

TEST(PlanAppend, OfEachStateThatTakesNoBytes) {
  const std::vector<std::pair<UploadState, std::optional<Problem>>> repeated = {
      {UploadState::sealed, Problem::pending},    {UploadState::accepted, std::nullopt},
      {UploadState::delivering, std::nullopt},    {UploadState::delivered, std::nullopt},
      {UploadState::rejected, Problem::rejected}, {UploadState::failed, Problem::content_digest},
      {UploadState::cancelled, Problem::gone},    {UploadState::expired, Problem::gone},
  };
  for (const auto& [state, problem] : repeated) {
    UploadRow row = row_at(100);
    row.state = state;
    const auto empty = plan_append(row, part_at(100, 0), kSettings);
    EXPECT_EQ(empty.has_value(), !problem) << state_name(state);
    if (!problem) {
      EXPECT_TRUE(empty->changes_nothing);
      EXPECT_EQ(empty->most, 0U);
      EXPECT_EQ(plan_append(row, part_at(90, 10, true), kSettings)->most, 10U);
      EXPECT_EQ(plan_append(row, part_at(0, std::nullopt, true), kSettings)->most, 100U);
      EXPECT_EQ(plan_append(row, part_at(90, 11, true), kSettings).error().problem, Problem::already_settled);
      EXPECT_EQ(plan_append(row, part_at(101, 0, true), kSettings).error().problem, Problem::already_settled);
      EXPECT_EQ(plan_append(row, part_at(90, 10), kSettings).error().problem, Problem::already_settled);
    } else if (!empty) {
      EXPECT_EQ(empty.error().problem, *problem) << state_name(state);
    }
  }
}

TEST(CheckCreation, BoundsEachText) {
  CreateUpload request;
  request.size = 1000;
  request.key = std::string(kMaxKey, 'k');
  request.name = std::string(kMaxName, 'n');
  request.metadata = std::string(kMaxMetadata, 'm');
  request.url = std::string(kMaxUrl, 'u');
  EXPECT_FALSE(check_creation(request, kSettings));
  for (std::string CreateUpload::*text :
       {&CreateUpload::key, &CreateUpload::name, &CreateUpload::metadata, &CreateUpload::url}) {
    CreateUpload wrong = request;
    wrong.*text += "x";
    EXPECT_EQ(check_creation(wrong, kSettings)->problem, Problem::bad_request);
  }
  request.size = 1001;
  EXPECT_EQ(check_creation(request, kSettings)->problem, Problem::too_large);
}

TEST(WaitsForSeal, OnlyWithAllBytesAndNoVerdict) {
  EXPECT_TRUE(waits_for_seal(row_at(100)));
  EXPECT_FALSE(waits_for_seal(row_at(99)));
  EXPECT_FALSE(waits_for_seal(row_at(100, std::nullopt)));
  UploadRow sealed = row_at(100);
  sealed.state = UploadState::sealed;
  EXPECT_FALSE(waits_for_seal(sealed));
}

}  // namespace
}  // namespace larder::inbox

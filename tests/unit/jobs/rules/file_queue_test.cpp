#include "agent/jobs/rules/file_queue.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

TEST(file_queue, gives_files_in_order_of_index) {
  FileQueue queue;
  for (const unsigned file : {5U, 1U, 3U}) queue.add(file);
  EXPECT_EQ(queue.take_file(), 1U);
  queue.add(0);
  EXPECT_EQ(queue.take_file(), 0U);
  EXPECT_EQ(queue.take_file(), 3U);
  EXPECT_EQ(queue.take_file(), 5U);
  EXPECT_FALSE(queue.take_file());
}

TEST(file_queue, keeps_deferred_files_back_until_released) {
  FileQueue queue;
  queue.add(1);
  queue.add(2);
  queue.defer(1);
  EXPECT_EQ(queue.waiting(), 1U);
  EXPECT_EQ(queue.deferred(), 1U);
  EXPECT_EQ(queue.take_file(), 2U);
  EXPECT_FALSE(queue.take_file());
  queue.release();
  EXPECT_EQ(queue.deferred(), 0U);
  EXPECT_EQ(queue.take_file(), 1U);
}

TEST(file_queue, a_file_is_in_it_once) {
  FileQueue queue;
  queue.add(1);
  queue.add(1);
  queue.defer(1);
  queue.add(1);
  EXPECT_EQ(queue.waiting() + queue.deferred(), 1U);
  queue.remove(1);
  EXPECT_EQ(queue.waiting() + queue.deferred(), 0U);
}

}  // namespace
}  // namespace larder::agent

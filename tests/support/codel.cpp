#include "tests/support/codel.h"

#include <cmath>
#include <utility>

namespace larder::test {

void PacketQueue::push(LinePacket packet, LineTime now) {
  bytes_ += packet.size;
  waiting_.push_back({std::move(packet), now});
}

PacketQueue::Waiting PacketQueue::pop() {
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= first.packet.size;
  return first;
}

// dodequeue() of the RFC.
Codel::Head Codel::next_head(PacketQueue& queue, LineTime now) {
  if (queue.empty()) {
    above_until_.reset();
    return {};
  }
  Head head{queue.pop(), false};
  if (now - head.waiting->since < options_.target || queue.bytes() <= options_.largest_packet)
    above_until_.reset();
  else if (!above_until_)
    above_until_ = now + options_.interval;
  else
    head.may_drop = now >= *above_until_;
  return head;
}

// The control law: the longer the queue stays, the closer the drops.
LineTime Codel::next_drop_after(LineTime time) const {
  const double step = static_cast<double>(options_.interval.count()) / std::sqrt(static_cast<double>(drops_));
  return time + LineTime(static_cast<LineTime::rep>(step));
}

void Codel::drop_while_due(PacketQueue& queue, LineTime now, Head& head, std::uint64_t& dropped) {
  dropping_ = head.may_drop;
  while (dropping_ && now >= next_drop_at_) {
    ++dropped;
    ++drops_;
    head = next_head(queue, now);
    dropping_ = head.may_drop;
    if (dropping_) next_drop_at_ = next_drop_after(next_drop_at_);
  }
}

// Where dropping ended not long ago, it goes on at about the pace that it had reached.
void Codel::begin_to_drop(LineTime now) {
  const std::uint64_t more = drops_ - last_drops_;
  drops_ = more > 1 && now - next_drop_at_ < 16 * options_.interval ? more : 1;
  next_drop_at_ = next_drop_after(now);
  last_drops_ = drops_;
  dropping_ = true;
}

std::optional<PacketQueue::Waiting> Codel::take(PacketQueue& queue, LineTime now, std::uint64_t& dropped) {
  Head head = next_head(queue, now);
  if (dropping_) {
    drop_while_due(queue, now, head, dropped);
  } else if (head.may_drop) {
    ++dropped;
    head = next_head(queue, now);
    begin_to_drop(now);
  }
  return std::move(head.waiting);
}

}  // namespace larder::test

// Decides which bytes to copy to the destination while the agent still fetches, so that only the tail is left at the
// end. Pure: the agent's news go in, the next step comes out. Only committed bytes are copied, and all of them are
// dropped when the content is replaced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/text/units.h"
#include "client/views.h"

namespace larder::agent {

class EarlyCopy {
 public:
  static constexpr std::uint64_t kMinSize = 4 * kMiB;  // for smaller files the tail is everything
  static constexpr std::uint64_t kStep = 4 * kMiB;     // bytes between two checks for events and signals

  // Takes the agent's latest view of the file. Returns true if everything copied must be dropped (another content).
  bool observe(const FileView& file);
  // Returns true if a descriptor of the unfinished content is of use now.
  [[nodiscard]] bool wants_descriptor() const;
  // Returns the next piece to copy, if any.
  [[nodiscard]] std::optional<ByteRange> next() const;
  void copied(const ByteRange& range);
  // Early copying is impossible or unnecessary for this file: reflinks, no room, an error.
  void give_up();

  [[nodiscard]] bool given_up() const { return given_up_; }
  [[nodiscard]] std::uint64_t done() const { return done_; }  // bytes from the start
  [[nodiscard]] const std::string& content() const { return content_; }

 private:
  std::string content_;
  unsigned restarts_ = 0;
  std::optional<std::uint64_t> size_;
  std::uint64_t committed_ = 0;
  std::uint64_t done_ = 0;
  bool given_up_ = false;
};

}  // namespace larder::agent

// Which bytes to copy to the destination while the agent still fetches, so that only the tail is left at the end.
// Pure: what the agent said goes in, the next step comes out. Copies only what is committed, and throws all of it away
// when the content is another one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/text/units.h"
#include "client/views.h"

namespace larder::agent {

class EarlyCopy {
 public:
  static constexpr std::uint64_t kMinSize = 4 * kMiB;  // below that the tail is everything
  static constexpr std::uint64_t kStep = 4 * kMiB;     // between looks at events and signals

  // The newest the agent said of the file. True when everything copied must be thrown away (another content).
  bool observe(const FileView& file);
  // Whether it is worth having a descriptor of the unfinished content now.
  [[nodiscard]] bool wants_descriptor() const;
  // The next piece to copy; none while there is nothing to do.
  [[nodiscard]] std::optional<ByteRange> next() const;
  void copied(const ByteRange& range);
  // Copying early cannot or need not be done for this file: reflink is possible, no room, an error.
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

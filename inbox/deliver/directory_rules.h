// A directory as the way to the application: where a file lies says how far it is. Pure; any thread.
//
//   ready/ID.NAME   the application may take it: it renames the file to done/ or reject/, and never deletes it
//   done/ID.NAME    its word that it has the file. Once the upload is `delivered` the file is the application's.
//   reject/ID.NAME  its word that it does not want it
#pragma once

#include <string>
#include <string_view>

#include "inbox/deliver/hand_over.h"

namespace larder::inbox {

enum class Place { ready, done, reject, nowhere };

// What to do about an attempt, by where its file lies.
enum class DirectoryStep {
  put_there,  // it was not put to ready/ yet
  wait,
  took,
  refused,
  lost,  // it went from ready/ and did not come to done/ or reject/
};
// `was_ready`: it was seen in ready/ in this attempt.
[[nodiscard]] DirectoryStep directory_step(Place place, bool was_ready);

// "ID.NAME", at most 255 bytes: a long name is cut at a character. Only the id where there is no name.
[[nodiscard]] std::string delivered_name(std::string_view id, std::string_view name);

}  // namespace larder::inbox

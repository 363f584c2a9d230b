#include "cache/record/version.h"

namespace larder::cache {

Digest version_name(const Version& version) {
  // Each field is preceded by its length, so that no two versions give the same text.
  std::string text = "larder version";
  const std::string size = version.size ? std::to_string(*version.size) : std::string("unknown");
  for (const std::string* field : {&version.url, &version.etag, &version.last_modified, &size}) {
    text += '\n' + std::to_string(field->size()) + ':' + *field;
  }
  return sha256(as_bytes(text));
}

}  // namespace larder::cache

// What a job that uploads has beside other jobs: what its owner asked for, and how far a file is. Values.
#pragma once

#include <optional>
#include <string>

#include "origin/upload/discovery.h"
#include "origin/upload/source_identity.h"
#include "origin/upload/upload_dialect.h"

namespace larder::agent {

// A job with these uploads; without, it downloads.
struct UploadOptions {
  origin::ProtocolWish protocol = origin::ProtocolWish::any;
  std::string transaction;  // named by the caller; empty: each file's id is its key
  bool reply = false;       // BITS: the application's reply is fetched
  bool spool = false;       // the source is copied first where it cannot be cloned
  bool overwrite = false;   // PUT: what is there is replaced
  friend bool operator==(const UploadOptions&, const UploadOptions&) = default;
};

struct UploadFacts {
  std::string name;               // told to the receiver
  std::string key;                // transaction id of this file
  origin::SourceIdentity source;  // of the caller's file when the job was made
  bool snapshot = false;          // the agent has a copy of its own, which outlives a restart
  bool began = false;             // `dialect` was chosen, and `progress` is not that of a new upload
  origin::UploadDialect dialect = origin::UploadDialect::tus;
  origin::UploadProgress progress;
  bool confirmed = false;  // the server named the SHA-256 of what it has, and it is the source's
  bool has_reply = false;  // the application's reply is there (SourceShelf::reply_file())
  friend bool operator==(const UploadFacts&, const UploadFacts&) = default;
};

}  // namespace larder::agent

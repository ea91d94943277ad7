// A sqlite_schema says what a database file of one application looks like, and how older files become like that.
//
// The file carries the application's number (PRAGMA application_id) and how many migrations made it (user_version), so
// that a file of somebody else's, or of a newer program, is refused before anything is changed.
#pragma once

#include <whorl/db/sqlite_connection.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace whorl {

struct sqlite_schema {
  std::string_view what;                    // for messages: "job store"
  std::int32_t application_id = 0;          // any number but 0
  std::span<const char* const> migrations;  // each a script; the first makes an empty file into version 1
};

// Runs the migrations that the file lacks, in one transaction.
// Fails: throws errc::bad_input for a file that is not the application's, errc::unsupported for one from a newer
// program, and else SQLite's error; the file is unchanged.
void migrate(may_block& wait, sqlite_connection& database, const sqlite_schema& schema);

}  // namespace whorl

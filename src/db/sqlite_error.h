// How a failed call of SQLite becomes a whorl::error.
#pragma once

#include <whorl/deferred/error.h>

#include <string>
#include <string_view>

struct sqlite3;

namespace whorl {

// The error that the last call on this connection left behind, with the file's name, SQLite's words and what to do.
error sqlite_error(sqlite3* database, int code);
error sqlite_error(std::string_view file, int code, std::string_view words);

std::string sqlite_file_name(sqlite3* database);

}  // namespace whorl

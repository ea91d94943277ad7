#include <whorl/db/sqlite_schema.h>

#include <fmt/format.h>

namespace whorl {

namespace {

// How many of the schema's migrations the file has had.
std::int64_t version_of(may_block& wait, sqlite_connection& database, const sqlite_schema& schema) {
  const std::int64_t application = database.integer(wait, "PRAGMA application_id");
  const std::int64_t version = database.integer(wait, "PRAGMA user_version");
  const bool empty = database.integer(wait, "SELECT count(*) FROM sqlite_schema") == 0;
  if (application != schema.application_id && !(application == 0 && version == 0 && empty)) {
    throw error(errc::bad_input,
                fmt::format("SQLite database \"{}\" is no {}: it belongs to another application (id {}); "
                            "choose another file",
                            database.path(), schema.what, application));
  }
  const auto known = static_cast<std::int64_t>(schema.migrations.size());
  if (version > known) {
    throw error(
        errc::unsupported,
        fmt::format("SQLite database \"{}\" is a {} of version {}, made by a newer program than this one, which knows "
                    "versions up to {}; use the newer program, or another file",
                    database.path(), schema.what, version, known));
  }
  return version;
}

}  // namespace

void migrate(may_block& wait, sqlite_connection& database, const sqlite_schema& schema) {
  const std::int64_t version = version_of(wait, database, schema);
  const auto known = static_cast<std::int64_t>(schema.migrations.size());
  if (version == known) {
    return;
  }
  sqlite_transaction transaction(wait, database);
  for (const char* migration : schema.migrations.subspan(static_cast<std::size_t>(version))) {
    database.execute(wait, migration);
  }
  const std::string marks =
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", schema.application_id, known);
  database.execute(wait, marks.c_str());
  transaction.commit();
}

}  // namespace whorl

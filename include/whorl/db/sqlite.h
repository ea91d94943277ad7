// SQLite as a database (database.h): each connection on a lane of its own, with its prepared statements.
//
//     db::database store(loop, db::sqlite("shop.db"));
//
// ":memory:" is another database for each connection: give it one connection (most_connections = 1).
//
// Source: https://www.sqlite.org/threadsafe.html (multi-thread)
// Fails:  errors of sqlite_category(), see sqlite_connection.h. Who writes while another connection does waits up to two
//         seconds, and then fails with std::errc::device_or_resource_busy: repeat the transaction.
#pragma once

#include <whorl/db/session.h>

#include <memory>
#include <string>

namespace whorl::db {

std::shared_ptr<driver> sqlite(std::string path);

}  // namespace whorl::db

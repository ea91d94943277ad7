// How what libpq reports becomes a whorl::error.
#pragma once

#include <whorl/deferred/error.h>

#include <postgresql/libpq-fe.h>

#include <string>
#include <string_view>

namespace whorl::db {

// What a result that is an error says: the server's words, and which statement it was.
error postgres_error(const PGresult* failed, std::string_view statement);

// The connection ends with this error, so that it says nothing of what became of the statement.
bool is_fatal(const PGresult* failed) noexcept;

// libpq's words for what went wrong with the connection, on one line.
std::string words_of(const PGconn* connection);

std::error_code sqlstate_code(std::string_view five) noexcept;

}  // namespace whorl::db

#include "db/sqlite_error.h"

#include <whorl/db/sqlite_connection.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>

namespace whorl {

namespace {

constexpr int primary(int code) noexcept { return code & 0xff; }

class sqlite_error_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int code) const override { return sqlite3_errstr(code); }

  std::error_condition default_error_condition(int code) const noexcept override {
    switch (primary(code)) {
      case SQLITE_FULL: return std::errc::no_space_on_device;
      case SQLITE_IOERR: return std::errc::io_error;
      case SQLITE_BUSY:
      case SQLITE_LOCKED: return std::errc::device_or_resource_busy;
      case SQLITE_READONLY:
      case SQLITE_PERM:
      case SQLITE_CANTOPEN: return std::errc::permission_denied;
      default: return {code, *this};
    }
  }
};

const char* what_to_do(int code) noexcept {
  switch (primary(code)) {
    case SQLITE_FULL: return "; free some space on its disk: work goes on as soon as there is room";
    case SQLITE_IOERR: return "; look at the disk and at the kernel's log, and see whether the disk or a quota is full";
    case SQLITE_BUSY: return "; another program is using the file: stop that one";
    case SQLITE_READONLY: return "; give this user the right to write the file and its folder";
    case SQLITE_CANTOPEN: return "; see whether its folder exists and this user may write there";
    case SQLITE_CORRUPT:
      return "; the file is damaged: restore it from a copy, or save what can be read with `sqlite3 FILE .recover`";
    case SQLITE_NOTADB: return "; the file is something else: choose another name";
    default: return "";
  }
}

}  // namespace

const std::error_category& sqlite_category() noexcept {
  static const sqlite_error_category category;
  return category;
}

std::string sqlite_file_name(sqlite3* database) {
  const char* name = sqlite3_db_filename(database, "main");
  return name == nullptr || *name == '\0' ? ":memory:" : name;
}

error sqlite_error(sqlite3* database, int code) {
  const char* words = sqlite3_errcode(database) == code ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  return sqlite_error(sqlite_file_name(database), code, words);
}

error sqlite_error(std::string_view file, int code, std::string_view words) {
  return {std::error_code(code, sqlite_category()),
          fmt::format("SQLite database \"{}\": {} (code {}){}", file, words, code, what_to_do(code))};
}

}  // namespace whorl

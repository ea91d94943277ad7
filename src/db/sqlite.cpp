#include <whorl/db/sqlite.h>

#include <whorl/db/blocking_driver.h>
#include <whorl/db/sqlite_connection.h>

#include <map>
#include <utility>

namespace whorl::db {

namespace {

constexpr std::size_t most_prepared = 128;

column_names names_of(const sqlite_rows& rows) {
  std::vector<std::string> names;
  for (int column = 0; column < rows.columns(); ++column) {
    names.push_back(rows.name(column));
  }
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

row present_row(const sqlite_rows& from, const column_names& names) {
  std::vector<value> values;
  values.reserve(names->size());
  for (int column = 0; column < from.columns(); ++column) {
    values.push_back(from.held(column));
  }
  return {names, std::move(values)};
}

class sqlite_cursor final : public blocking_cursor {
 public:
  sqlite_cursor(may_block& wait, sqlite_statement prepared, const std::vector<value>& values)
      : statement_(std::move(prepared)), rows_(statement_.query_with(wait, values)), names_(names_of(rows_)) {}

  std::vector<row> fetch(may_block& /*wait*/, std::size_t most) override {
    std::vector<row> fetched;
    while (!ended_ && fetched.size() < most) {
      if (rows_.next()) {
        fetched.push_back(present_row(rows_, names_));
      } else {
        ended_ = true;
      }
    }
    return fetched;
  }

 private:
  sqlite_statement statement_;
  sqlite_rows rows_;
  const column_names names_;
  bool ended_ = false;
};

class sqlite_blocking_connection final : public blocking_connection {
 public:
  sqlite_blocking_connection(may_block& wait, const std::string& path) : database_(wait, path) {}

  rows run(may_block& wait, const statement& asked) override {
    const std::int64_t changed_before = database_.changed_so_far();
    rows done;
    {
      sqlite_rows from = prepared(wait, asked.text.text).query_with(wait, asked.values);
      const column_names names = names_of(from);
      while (from.next()) {
        done.all.push_back(present_row(from, names));
      }
    }
    done.changed = database_.changed_so_far() == changed_before ? 0 : database_.changed_last();
    return done;
  }

  std::unique_ptr<blocking_cursor> open_cursor(may_block& wait, const statement& asked) override {
    return std::make_unique<sqlite_cursor>(wait, database_.prepare(wait, asked.text.text), asked.values);
  }

  // SQLite rolls back by itself after some errors, such as a full disk.
  void roll_back(may_block& wait) override {
    if (database_.in_transaction()) {
      blocking_connection::roll_back(wait);
    }
  }

  void interrupt() noexcept override { database_.interrupt(); }

 private:
  sqlite_statement& prepared(may_block& wait, const std::string& text) {
    if (const auto found = prepared_.find(text); found != prepared_.end()) {
      return found->second;
    }
    if (prepared_.size() >= most_prepared) {
      prepared_.clear();
    }
    return prepared_.emplace(text, database_.prepare(wait, text)).first->second;
  }

  sqlite_connection database_;
  std::map<std::string, sqlite_statement> prepared_;
};

std::unique_ptr<blocking_connection> open_sqlite(may_block& wait, std::string path) {
  return std::make_unique<sqlite_blocking_connection>(wait, path);
}

}  // namespace

std::shared_ptr<driver> sqlite(std::string path) {
  const driver_module module{.name = "SQLite", .safety = thread_safety::module};
  return blocking_driver(module, open_sqlite, std::move(path));
}

}  // namespace whorl::db

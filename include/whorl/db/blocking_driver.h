// A blocking_driver makes a database library whose calls wait into a driver: they run where its thread safety allows.
//
//     class my_connection : public db::blocking_connection {
//       db::rows run(may_block&, const db::statement& asked) override { ... }    // the one that must be written
//     };
//     std::unique_ptr<db::blocking_connection> open(may_block&, std::string target) { return std::make_unique<my_connection>(...); }
//
//     const db::driver_module my_module{.name = "mydb", .safety = db::thread_safety::module};
//     db::database store(loop, db::blocking_driver(my_module, open));
//
// | thread_safety | what threads may share            | where calls run                                              |
// |---------------|-----------------------------------|--------------------------------------------------------------|
// | none          | nothing                           | one lane for all of this module's in the process             |
// | module        | the module, not a connection      | a lane for each connection                                   |
// | connections   | connections, not cursors          | a thread pool; calls of one connection at once               |
// | cursors       | cursors too                       | the same                                                     |
//
// The levels are those of Python's DB-API (PEP 249, threadsafety). A level that is too high is found out in builds with
// assertions where the connection has a use_check (places/hand_over.h), which run() enters with `asked.text.at`; cursors are
// checked by themselves. A module that is declared with two levels in one process throws misuse.
//
// Thread:   a blocking_connection and its cursors live where the table says: below `connections` they are made, used and
//           destroyed on one thread. interrupt() is called on another thread, during a call.
// Lifetime: the driver is shared by the databases that use it, and owns its threads.
// Cancel:   fails at once and calls interrupt(); the call runs on, and what comes next on the connection waits for it.
#pragma once

#include <whorl/db/session.h>
#include <whorl/places/may_block.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace whorl::db {

enum class thread_safety : std::uint8_t { none, module, connections, cursors };

struct driver_module {
  std::string name;
  thread_safety safety = thread_safety::none;
  std::size_t most_threads = 8;  // of the pool, where it has one
};

class blocking_cursor {
 public:
  virtual ~blocking_cursor() = default;
  // Up to `most` rows, at least one; nothing after the last.
  virtual std::vector<row> fetch(may_block& wait, std::size_t most) = 0;
};

// What these functions throw fails the deferred of whoever called.
class blocking_connection {
 public:
  virtual ~blocking_connection() = default;

  virtual rows run(may_block& wait, const statement& asked) = 0;

  // By default it runs the statement and holds all its rows.
  virtual std::unique_ptr<blocking_cursor> open_cursor(may_block& wait, const statement& asked);

  // By default the statements BEGIN, COMMIT and ROLLBACK.
  virtual void begin(may_block& wait);
  virtual void commit(may_block& wait);
  virtual void roll_back(may_block& wait);

  // Asks whether the server is there. By default nothing: for a library without a server.
  virtual void ping(may_block& wait);

  // Ends the call that is running early, with an error, where the library can. By default nothing.
  virtual void interrupt() noexcept {}

  // Nothing can be done with it any more. Asked after a call that threw.
  virtual bool broken() const noexcept { return false; }
};

using open_blocking = std::unique_ptr<blocking_connection> (*)(may_block& wait, std::string target);

// `target`, such as a file's name, is given to `open`.
std::shared_ptr<driver> blocking_driver(driver_module of, open_blocking open, std::string target = {});

}  // namespace whorl::db

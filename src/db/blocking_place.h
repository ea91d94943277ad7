// Where the calls of a blocking driver run, and the connections and cursors that live there.
#pragma once

#include <whorl/db/blocking_driver.h>
#include <whorl/deferred/mutex.h>
#include <whorl/places/defer_to.h>
#include <whorl/places/hand_over.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace whorl::db::detail {

// The connections of one place, and their cursors, by number: what the loop knows of them.
//
// Thread: its own members any; what it finds, where thread_safety says.
class connection_table {
 public:
  // Crosses to the loop: true when the connection is broken.
  struct broken_mark {
    std::shared_ptr<std::atomic<bool>> seen = std::make_shared<std::atomic<bool>>(false);
  };
  struct entry {
    std::unique_ptr<blocking_connection> of_driver;
    broken_mark broken;
    std::shared_mutex turn;  // statements share it; a transaction's beginning and end wait for them
  };
  struct cursor {
    std::unique_ptr<blocking_cursor> of_driver;
    use_check check;
  };

  void add(std::uint64_t number, std::unique_ptr<blocking_connection> opened, broken_mark broken);
  void add_cursor(std::uint64_t number, std::unique_ptr<blocking_cursor> opened);

  // What is found stays until it is removed. Fails: throws errc::closed if there is none.
  std::shared_ptr<entry> find(std::uint64_t number);
  std::shared_ptr<cursor> find_cursor(std::uint64_t number);

  void remove(std::uint64_t number);
  void remove_cursor(std::uint64_t number);

 private:
  mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<entry>> connections_ WHORL_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::shared_ptr<cursor>> cursors_ WHORL_GUARDED_BY(mutex_);
};

// A lane with a table, or a pool of threads that share one.
class blocking_place {
 public:
  // The one for a new connection of this module: see thread_safety.
  static std::shared_ptr<blocking_place> for_connection(const driver_module& of,
                                                        const std::shared_ptr<blocking_place>& pool);
  static std::shared_ptr<blocking_place> make_pool(const driver_module& of);

  // F(connection_table&, may_block&, std::stop_token, args...), in the place.
  template <auto F, class... Args>
  auto call(Args... args) {
    if (lane_) {
      return defer_to(*lane_, F, std::move(args)...);
    }
    return defer_to(*pool_, on_shared_table<F, Args...>, table_handle{table_}, std::move(args)...);
  }

  static std::uint64_t next_number();

 private:
  // Crosses to a thread: the table locks for itself.
  struct table_handle {
    std::shared_ptr<connection_table> table;
  };

  static std::shared_ptr<blocking_place> make_lane(const driver_module& of);
  static deferred<void> retire(std::unique_ptr<blocking_place> gone);

  template <auto F, class... Args>
  static auto on_shared_table(may_block& wait, std::stop_token stop, table_handle shared, Args... args) {
    return F(*shared.table, wait, std::move(stop), std::move(args)...);
  }

  std::unique_ptr<lane<connection_table>> lane_;
  std::shared_ptr<connection_table> table_;
  std::unique_ptr<thread_pool> pool_;
};

}  // namespace whorl::db::detail

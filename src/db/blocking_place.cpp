#include "db/blocking_place.h"

#include <whorl/deferred/task_set.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/reactor.h>

#include <fmt/format.h>

#include <atomic>
#include <chrono>

namespace whorl::db::detail {

namespace {

template <class Map>
auto find_in(Map& map, std::uint64_t number) {
  const auto found = map.find(number);
  if (found == map.end()) {
    throw error(errc::closed, "the database connection was closed");
  }
  return found->second;
}

// What dies must not die under the table's lock: it may wait.
template <class Map>
auto take_from(Map& map, std::uint64_t number) {
  const auto found = map.find(number);
  return found == map.end() ? typename Map::mapped_type() : std::move(map.extract(found).mapped());
}

// The modules of this process: how each was declared, and the one lane of those that allow no more.
struct declared_module {
  thread_safety safety;
  std::weak_ptr<blocking_place> only_lane;
};

struct module_list {
  mutex mutex_;
  std::map<std::string, declared_module> by_name WHORL_GUARDED_BY(mutex_);
};

module_list& modules() {
  static module_list all;
  return all;
}

// Lanes that end by themselves, unless the loop ends first, which then waits for what they are at.
class retired_lanes final : public owned_by_loop {
 public:
  explicit retired_lanes(reactor& /*loop*/) {}
  void loop_stopping() noexcept override {}
  void add(deferred<void> stopping) { stopping_.add("stop a lane of a database", std::move(stopping)); }

 private:
  task_set stopping_;
};

}  // namespace

void connection_table::add(std::uint64_t number, std::unique_ptr<blocking_connection> opened, broken_mark broken) {
  auto added = std::make_shared<entry>();
  added->of_driver = std::move(opened);
  added->broken = std::move(broken);
  const mutex_lock lock(mutex_);
  connections_.emplace(number, std::move(added));
}

void connection_table::add_cursor(std::uint64_t number, std::unique_ptr<blocking_cursor> opened) {
  auto added = std::make_shared<cursor>();
  added->of_driver = std::move(opened);
  const mutex_lock lock(mutex_);
  cursors_.emplace(number, std::move(added));
}

std::shared_ptr<connection_table::entry> connection_table::find(std::uint64_t number) {
  const mutex_lock lock(mutex_);
  return find_in(connections_, number);
}

std::shared_ptr<connection_table::cursor> connection_table::find_cursor(std::uint64_t number) {
  const mutex_lock lock(mutex_);
  return find_in(cursors_, number);
}

void connection_table::remove(std::uint64_t number) {
  std::shared_ptr<entry> gone;
  const mutex_lock lock(mutex_);
  gone = take_from(connections_, number);
}

void connection_table::remove_cursor(std::uint64_t number) {
  std::shared_ptr<cursor> gone;
  const mutex_lock lock(mutex_);
  gone = take_from(cursors_, number);
}

std::uint64_t blocking_place::next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

std::shared_ptr<blocking_place> blocking_place::make_pool(const driver_module& of) {
  auto made = std::make_shared<blocking_place>();
  made->table_ = std::make_shared<connection_table>();
  made->pool_ = std::make_unique<thread_pool>(thread_pool_options{.name = of.name, .most_threads = of.most_threads});
  return made;
}

std::shared_ptr<blocking_place> blocking_place::make_lane(const driver_module& of) {
  auto made = std::make_unique<blocking_place>();
  made->lane_ = std::make_unique<lane<connection_table>>(lane_options{.name = of.name});
  // What is queued on it then, such as the closing of its last connection, is done before it ends.
  return {made.release(), [](blocking_place* gone) {
            auto& loop = reactor::of_this_thread("stop a lane of a database");
            loop.companion<retired_lanes>().add(retire(std::unique_ptr<blocking_place>(gone)));
          }};
}

deferred<void> blocking_place::retire(std::unique_ptr<blocking_place> gone) {
  auto stopped = gone->lane_->stop(std::chrono::seconds(5));
  [[maybe_unused]] auto how = co_await std::move(stopped).result();
}

std::shared_ptr<blocking_place> blocking_place::for_connection(const driver_module& of,
                                                               const std::shared_ptr<blocking_place>& pool) {
  auto& all = modules();
  const mutex_lock lock(all.mutex_);
  auto& declared = all.by_name.try_emplace(of.name, of.safety, std::weak_ptr<blocking_place>()).first->second;
  if (declared.safety != of.safety) {
    throw misuse(
        fmt::format("the database module \"{}\" is declared with thread safety {} and with {} in one process: "
                    "declare it once",
                    of.name, static_cast<int>(declared.safety), static_cast<int>(of.safety)));
  }
  if (of.safety == thread_safety::none) {
    auto only = declared.only_lane.lock();
    if (!only) {
      only = make_lane(of);
      declared.only_lane = only;
    }
    return only;
  }
  return of.safety == thread_safety::module ? make_lane(of) : pool;
}

}  // namespace whorl::db::detail

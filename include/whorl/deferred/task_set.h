// A task_set owns work in the background: deferreds that nobody awaits one by one.
//
//     task_set background;
//     background.add("refresh", refresh_cache(loop));
//     ...
//     co_await background.join();                 // or cancel(), then join()
//
// Thread:   belongs to one loop.
// Lifetime: destroying it drops what is still underway, bluntly: cancel() and join() before it end it in order.
// Fails:    a failure of the work is logged with its name, unless it was cancelled.
#pragma once

#include <whorl/deferred/waiting_line.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace whorl {

class task_set {
 public:
  task_set() = default;
  task_set(const task_set&) = delete;
  task_set& operator=(const task_set&) = delete;
  ~task_set();

  void add(std::string name, deferred<void> work);

  // Asks everything underway to stop.
  void cancel(const error& reason = errc::cancelled);

  // Fires when nothing is underway any more.
  // Cancel: stops the waiting.
  deferred<void> join();

  std::size_t size() const noexcept { return tasks_.size(); }

 private:
  void ended(std::uint64_t number, const std::string& name, const outcome<std::monostate>& how);

  std::map<std::uint64_t, deferred<void>> tasks_;
  std::uint64_t added_ = 0;
  waiting_line<void> joiners_;
};

}  // namespace whorl

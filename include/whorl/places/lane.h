// A lane<T> is the place for code that is not thread-safe: a T that is built, used and destroyed on one thread, one
// call at a time, in order.
//
//     lane<unit_system> units({.name = "units"}, path);                 // unit_system(path) is built on the lane's thread
//     double f = co_await defer_to(units, convert, 20.0, from, to);     // double convert(unit_system&, double, ...)
//
// A lane_group<T> has several such threads, each with a T of its own, such as one connection each; a call goes to the first
// that is free. A lease (lease.h) keeps one T for several calls.
//
// A T whose constructor waits takes a may_block& first. A call that throws leaves the lane and its T alive.
//
// Thread, Cost: as thread_pool. The lane's thread starts, and builds the T, at once.
// Lifetime: outlives its calls and leases. The T dies on its thread, after the last call. The destructor and stop() do what
//           those of thread_pool do.
// Fails:    as thread_pool. If building the T throws, every call fails with that exception. The constructor throws an
//           error if the kernel refuses the thread.
// Cancel:   as thread_pool.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/call.h>
#include <whorl/places/work_queue.h>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace whorl {

struct lane_options {
  std::string name = "lane";
  std::size_t most_queued = 100'000;
  duration report_after = duration::max();  // as thread_pool's
};

namespace detail {

struct place_access;

// Threads that each build, use and destroy a T of their own, and take their calls from one queue.
template <class T>
class lane_threads final : public work_queue {
 public:
  using front = types<T&>;
  using build_function = std::move_only_function<void(std::optional<T>&, may_block&)>;

  // One thread for each function that builds.
  lane_threads(lane_options options, std::vector<build_function> builders)
      : work_queue({.name = std::move(options.name),
                    .most_threads = builders.size(),
                    .most_queued = options.most_queued,
                    .report_after = options.report_after}),
        builders_(std::move(builders)) {}

  // Fails: what the kernel says when it refuses a thread.
  result<void> start_all() {
    for (std::size_t thread = 0; thread < builders_.size(); ++thread) {
      if (auto started = start(); !started) {
        return started;
      }
    }
    return {};
  }

  template <class Call>
  decltype(auto) run(Call& call, may_block& permission, const std::stop_token& stop) {
    return call.invoke(permission, stop, object());
  }

  // The calling thread's. Throws what building it threw.
  T& object() {
    if (!mine_->object) {
      std::rethrow_exception(mine_->why_not);
    }
    return *mine_->object;
  }

 private:
  struct built {
    std::optional<T> object;
    std::exception_ptr why_not;
  };

  void begin_thread(may_block& permission) noexcept override {
    mine_.emplace();
    try {
      std::exchange(builders_[begun_++], nullptr)(mine_->object, permission);
    } catch (...) {
      mine_->why_not = std::current_exception();
    }
  }
  void end_thread() noexcept override { mine_.reset(); }

  static inline thread_local std::optional<built> mine_;

  std::vector<build_function> builders_;
  std::atomic<std::size_t> begun_ = 0;
};

// What builds a T of these arguments, which it owns.
template <class T, class... Args>
typename lane_threads<T>::build_function lane_builder(Args&&... args) {
  if constexpr ((may_cross<std::decay_t<Args>> && ...)) {
    using owned = std::tuple<crossing_type_t<Args>...>;
    return [owned = owned(open_crossing(std::forward<Args>(args))...)](std::optional<T>& object,
                                                                       may_block& permission) mutable {
      const auto build = [&](auto&... each) {
        if constexpr (std::constructible_from<T, may_block&, decltype(std::move(each))...>) {
          object.emplace(permission, std::move(each)...);
        } else {
          object.emplace(std::move(each)...);
        }
      };
      std::apply(build, owned);
    };
  } else {
    explain_arguments<std::decay_t<Args>...>();
    return nullptr;
  }
}

// What a lane and a group of them can do.
template <class T>
class lane_of_threads {
 public:
  lane_of_threads(const lane_of_threads&) = delete;
  lane_of_threads& operator=(const lane_of_threads&) = delete;

  // As thread_pool's.
  deferred<void> stop(duration patience = duration::max()) { return threads_->stop(patience); }

  const std::string& name() const noexcept { return threads_->name(); }
  place_statistics statistics() const noexcept { return threads_->statistics(); }
  std::size_t queued() const noexcept { return statistics().queued; }

 protected:
  lane_of_threads(lane_options options, std::vector<typename lane_threads<T>::build_function> builders)
      : threads_(std::make_shared<lane_threads<T>>(std::move(options), std::move(builders))) {
    if (const auto started = threads_->start_all(); !started) {
      threads_->close();
      throw error(started.error());
    }
  }
  ~lane_of_threads() { threads_->close(); }

 private:
  friend struct place_access;
  std::shared_ptr<lane_threads<T>> threads_;
};

}  // namespace detail

template <class T>
class lane : public detail::lane_of_threads<T> {
 public:
  // `args` are for T's constructor, and are moved to the lane's thread: what may cross is in transferable.h.
  template <class... Args>
  explicit lane(lane_options options, Args&&... args)
      : detail::lane_of_threads<T>(std::move(options), builder(detail::lane_builder<T>(std::forward<Args>(args)...))) {}

 private:
  using build_function = typename detail::lane_threads<T>::build_function;

  static std::vector<build_function> builder(build_function only) {
    std::vector<build_function> one;
    one.push_back(std::move(only));
    return one;
  }
};

template <class T>
class lane_group : public detail::lane_of_threads<T> {
 public:
  // `lanes` threads; each T is built of a copy of `args`.
  template <class... Args>
  lane_group(lane_options options, std::size_t lanes, const Args&... args)
      : detail::lane_of_threads<T>(std::move(options), builders(lanes, args...)) {}

 private:
  template <class... Args>
  static auto builders(std::size_t lanes, const Args&... args) {
    std::vector<typename detail::lane_threads<T>::build_function> all;
    while (all.size() < lanes) {
      all.push_back(detail::lane_builder<T>(args...));
    }
    return all;
  }
};

}  // namespace whorl

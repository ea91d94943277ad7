// A lane<T> is the place for code that is not thread-safe: a T that is built, used and destroyed on one thread, one
// call at a time, in order.
//
//     lane<unit_system> units({.name = "units"}, path);                 // unit_system(path) is built on the lane's thread
//     double f = co_await defer_to(units, convert, 20.0, from, to);     // double convert(unit_system&, double, ...)
//
// A T whose constructor waits takes a may_block& first. A call that throws leaves the lane and its T alive.
//
// Thread, Cost: as thread_pool. The lane's thread starts, and builds the T, at once.
// Lifetime: outlives its calls. The T dies on its thread, after the last call. The destructor and stop() do what those
//           of thread_pool do.
// Fails:    as thread_pool. If building the T throws, every call fails with that exception. The constructor throws an
//           error if the kernel refuses the thread.
// Cancel:   as thread_pool.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/call.h>
#include <whorl/places/work_queue.h>

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

namespace whorl {

struct lane_options {
  std::string name = "lane";
  std::size_t most_queued = 100'000;
};

namespace detail {

struct place_access;

template <class T>
class lane_thread final : public work_queue {
 public:
  using front = types<T&>;
  using build_function = std::move_only_function<void(std::optional<T>&, may_block&)>;

  lane_thread(lane_options options, build_function build)
      : work_queue({.name = std::move(options.name), .most_threads = 1, .most_queued = options.most_queued}),
        build_(std::move(build)) {}

  template <class Call>
  decltype(auto) run(Call& call, may_block& permission, const std::stop_token& stop) {
    if (!object_) {
      std::rethrow_exception(why_not_built_);
    }
    return call.invoke(permission, stop, *object_);
  }

 private:
  void begin_thread(may_block& permission) noexcept override {
    try {
      std::exchange(build_, nullptr)(object_, permission);
    } catch (...) {
      why_not_built_ = std::current_exception();
    }
  }
  void end_thread() noexcept override { object_.reset(); }

  build_function build_;
  std::optional<T> object_;
  std::exception_ptr why_not_built_;
};

}  // namespace detail

template <class T>
class lane {
 public:
  // `args` are for T's constructor, and are moved to the lane's thread: what may cross is in transferable.h.
  template <class... Args>
  explicit lane(lane_options options, Args&&... args)
      : thread_(std::make_shared<detail::lane_thread<T>>(std::move(options), builder(std::forward<Args>(args)...))) {
    if (const auto started = thread_->start(); !started) {
      throw error(started.error());
    }
  }
  ~lane() { thread_->close(); }
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  // As thread_pool's.
  deferred<void> stop() { return thread_->stop(); }

  const std::string& name() const noexcept { return thread_->name(); }
  place_statistics statistics() const noexcept { return thread_->statistics(); }
  std::size_t queued() const noexcept { return statistics().queued; }

 private:
  friend struct detail::place_access;

  template <class... Args>
  static typename detail::lane_thread<T>::build_function builder(Args&&... args) {
    if constexpr ((detail::may_cross<std::decay_t<Args>> && ...)) {
      using owned = std::tuple<detail::crossing_type_t<Args>...>;
      return [owned = owned(detail::open_crossing(std::forward<Args>(args))...)](std::optional<T>& object,
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
      detail::explain_arguments<std::decay_t<Args>...>();
      return nullptr;
    }
  }

  std::shared_ptr<detail::lane_thread<T>> thread_;
};

}  // namespace whorl

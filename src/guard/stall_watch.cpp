#include <whorl/guard/stall_watch.h>

#include <fmt/format.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/mutex.h>
#include <whorl/guard/blocking_call.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "guard/own_thread.h"
#include "guard/report.h"
#include "guard/teller.h"
#include "guard/watched_loop.h"

namespace whorl {

namespace {

std::string seconds(duration time) { return fmt::format("{:.3f} s", std::chrono::duration<double>(time).count()); }

constexpr const char* to_compute_less = "cut it in steps (whorl::cooperator), or whorl::defer_to a thread_pool";

void tell(const stall_finding& found) {
  if (!found.look) {
    detail::log_of_guard(log_level::info, "the loop goes on", {{"loop", found.loop}, {"after", seconds(found.lasted)}});
    return;
  }
  const auto stack = resolve(found.look->stack);
  const auto call = find_blocking_call(stack, found.look->call);
  detail::report(log_level::warning, "the loop is held up",
                 {{"loop", found.loop},
                  {"for", seconds(found.lasted)},
                  {"doing", found.look->describe()},
                  {"call", call ? call->function : "none that waits"},
                  {"at", call ? call->at : place_in_program(stack)},
                  {"instead", call ? call->instead : to_compute_less},
                  {"callback", found.callback},
                  {"stack", describe(stack)},
                  {"times", fmt::to_string(found.times)},
                  {"untold", fmt::to_string(found.untold)}});
}

stall stall_of(const watched_loop::kind& kind) {
  const auto stack = resolve(kind.first_look.stack);
  const auto call = find_blocking_call(stack, kind.first_look.call);
  return {.doing = kind.first_look.describe(),
          .call = call ? call->function : "",
          .at = call ? call->at : place_in_program(stack),
          .instead = call ? call->instead : to_compute_less,
          .callback = kind.callback,
          .stack = describe(stack),
          .times = kind.times,
          .longest = kind.longest,
          .total = kind.total};
}

// The thread that looks at all loops.
//
// It has descriptors of its own, and with it whoever tells what it finds, unless lines of the log are to go elsewhere than to
// standard error, which may be to a descriptor of the program's.
class loop_watcher {
 public:
  // Never destroyed: its thread may be telling something while the program ends.
  static loop_watcher& of_program() {
    static auto& one = *new loop_watcher;
    return one;
  }

  loop_watcher() {
    detail::when_log_sink_changes([]() noexcept { of_program().start_again(); });
  }

  void add(std::shared_ptr<watched_loop> watched) {
    const mutex_lock lock(mutex_);
    watched->begin();
    watched_.push_back(std::move(watched));
    if (watched_.size() == 1) {
      start();
    }
    changed_.notify_all();
  }

  void remove(const std::shared_ptr<watched_loop>& watched) {
    const mutex_lock lock(mutex_);
    std::erase(watched_, watched);
    if (watched_.empty()) {
      stop();
    }
  }

  std::vector<watched_loop::kind> kinds(const watched_loop& watched) {
    const mutex_lock lock(mutex_);
    return watched.kinds();
  }

 private:
  void start() WHORL_REQUIRES(mutex_) {
    detail::start_own_thread([this, generation = generation_] { watch(generation); });
  }

  // The thread ends by itself: whoever waited for it here might be kept by what it tells.
  void stop() WHORL_REQUIRES(mutex_) {
    ++generation_;
    changed_.notify_all();
  }

  void start_again() {
    const mutex_lock lock(mutex_);
    if (!watched_.empty()) {
      stop();
      start();
    }
  }

  void watch(std::uint64_t generation) {
    if (detail::logs_to_standard_error()) {
      detail::take_own_descriptors();
    }
    mutex_lock lock(mutex_);
    while (generation == generation_) {
      lock.wait_for(changed_, look_every());
      look_around();
    }
  }

  duration look_every() const WHORL_REQUIRES(mutex_) {
    duration shortest = std::chrono::hours(1);
    for (const auto& each : watched_) {
      shortest = std::min(shortest, each->limit());
    }
    return std::max<duration>(shortest / 4, std::chrono::milliseconds(1));
  }

  void look_around() WHORL_REQUIRES(mutex_) {
    for (const auto& each : watched_) {
      if (auto found = each->look()) {
        detail::tell_later([found = std::move(*found)] { tell(found); });
      }
    }
  }

  mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<watched_loop>> watched_ WHORL_GUARDED_BY(mutex_);
  std::uint64_t generation_ WHORL_GUARDED_BY(mutex_) = 0;  // of the thread that looks
};

}  // namespace

#ifdef NDEBUG
constinit const duration stall_watch::default_limit = std::chrono::milliseconds(200);
#else
constinit const duration stall_watch::default_limit = std::chrono::milliseconds(50);
#endif

stall_watch::stall_watch(const reactor& loop) : stall_watch(loop, options()) {}

stall_watch::stall_watch(const reactor& loop, options chosen)
    : watched_(
          (loop.require_this_thread("watch for stalls"), std::make_shared<watched_loop>(loop, std::move(chosen)))) {
  loop_watcher::of_program().add(watched_);
}

stall_watch::~stall_watch() { loop_watcher::of_program().remove(watched_); }

std::uint64_t stall_watch::count() const {
  std::uint64_t all = 0;
  for (const auto& each : loop_watcher::of_program().kinds(*watched_)) {
    all += each.times;
  }
  return all;
}

std::vector<stall> stall_watch::stalls() const {
  const kept_debug_information kept;
  std::vector<stall> all;
  for (const auto& each : loop_watcher::of_program().kinds(*watched_)) {
    all.push_back(stall_of(each));
  }
  std::ranges::sort(all, std::ranges::greater(), &stall::total);
  return all;
}

}  // namespace whorl

#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/blocking_call.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/stall_watch.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "guard/teller.h"

namespace whorl {

namespace {

std::string seconds(duration time) { return fmt::format("{:.3f} s", std::chrono::duration<double>(time).count()); }

struct finding {
  std::string loop;
  duration lasted{};
  std::optional<thread_look> look;  // none: it goes on
};

void tell(const finding& found) {
  if (found.look) {
    const auto stack = resolve(found.look->stack);
    const auto call = find_blocking_call(stack);
    log(log_level::warning, "the loop is held up",
        {{"loop", found.loop},
         {"for", seconds(found.lasted)},
         {"doing", found.look->describe()},
         {"call", call ? call->function : "none that waits"},
         {"at", call ? call->at : place_in_program(stack)},
         {"instead", call ? call->instead : "cut it in steps (whorl::cooperator), or whorl::defer_to a thread_pool"},
         {"stack", describe(stack)}});
  } else {
    log(log_level::info, "the loop goes on", {{"loop", found.loop}, {"after", seconds(found.lasted)}});
  }
}

}  // namespace

class loop_watcher {
 public:
  // Never destroyed: its thread may be telling something while the program ends.
  static loop_watcher& of_program() {
    static auto& one = *new loop_watcher;
    return one;
  }

  void add(stall_watch& watched) {
    const mutex_lock lock(mutex_);
    watched.count_ = watched.heart_.count();
    watched.since_ = watched.now().at;
    watched_.push_back(&watched);
    if (watched_.size() == 1) {
      start();
    }
    changed_.notify_all();
  }

  void remove(stall_watch& watched) {
    const mutex_lock lock(mutex_);
    std::erase(watched_, &watched);
    if (watched_.empty()) {
      ++generation_;  // the thread ends by itself: whoever waited for it here might be kept by what it tells
      changed_.notify_all();
    }
  }

 private:
  void start() WHORL_REQUIRES(mutex_) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this, generation = generation_] { watch(generation); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void watch(std::uint64_t generation) {
    pthread_setname_np(pthread_self(), "guard");
    set_log_thread_name("guard");
    for (;;) {
      std::vector<finding> found;
      {
        mutex_lock lock(mutex_);
        if (generation == generation_) {
          lock.wait_for(changed_, look_every());
        }
        if (generation != generation_) {
          return;
        }
        found = look_around();
      }
      for (finding& each : found) {
        detail::tell_later([each = std::move(each)] { tell(each); });
      }
    }
  }

  duration look_every() const WHORL_REQUIRES(mutex_) {
    duration shortest = std::chrono::hours(1);
    for (const stall_watch* each : watched_) {
      shortest = std::min(shortest, each->chosen_.limit);
    }
    return std::max<duration>(shortest / 4, std::chrono::milliseconds(1));
  }

  std::vector<finding> look_around() WHORL_REQUIRES(mutex_) {
    std::vector<finding> found;
    for (stall_watch* each : watched_) {
      if (auto about = look_at_loop(*each)) {
        found.push_back(std::move(*about));
      }
    }
    return found;
  }

  static std::optional<finding> look_at_loop(stall_watch& watched) {
    const auto now = watched.now();
    const duration lasted = now.at - watched.since_;
    if (const std::uint64_t count = watched.heart_.count(); count != watched.count_) {
      const bool told = watched.told_ != duration::zero();
      watched.count_ = count;
      watched.since_ = now.at;
      watched.told_ = {};
      watched.doubt_.reset();
      return told ? std::optional(finding{watched.chosen_.name, lasted, std::nullopt}) : std::nullopt;
    }
    if (heartbeat::resting(watched.count_) || lasted < std::max(watched.chosen_.limit, watched.told_ * 2)) {
      return std::nullopt;
    }
    if (detail::blocking_is_permitted(watched.thread_, watched.heart_)) {
      return std::nullopt;
    }
    if (!asleep(watched.thread_) && !really_computes(watched, now)) {
      return std::nullopt;
    }
    watched.told_ = lasted;
    watched.doubt_.reset();
    return finding{watched.chosen_.name, lasted, look_at(watched.thread_)};
  }

  // Since the last look at least, for half of the time.
  static bool really_computes(stall_watch& watched, const stall_watch::moment& now) {
    const auto before = std::exchange(watched.doubt_, now);
    return before && (now.computed - before->computed) * 2 >= now.at - before->at;
  }

  mutex mutex_;
  std::condition_variable changed_;
  std::vector<stall_watch*> watched_ WHORL_GUARDED_BY(mutex_);
  std::uint64_t generation_ WHORL_GUARDED_BY(mutex_) = 0;  // of the thread that looks
};

stall_watch::stall_watch(const reactor& loop) : stall_watch(loop, options()) {}

stall_watch::stall_watch(const reactor& loop, options chosen)
    : chosen_(std::move(chosen)), heart_(loop.heart()), thread_(this_thread_number()) {
  loop.require_this_thread("watch for stalls");
  pthread_getcpuclockid(pthread_self(), &processor_time_);
  loop_watcher::of_program().add(*this);
}

stall_watch::~stall_watch() { loop_watcher::of_program().remove(*this); }

stall_watch::moment stall_watch::now() const noexcept {
  timespec computed{};
  ::clock_gettime(processor_time_, &computed);
  return {.at = std::chrono::steady_clock::now(),
          .computed = std::chrono::seconds(computed.tv_sec) + std::chrono::nanoseconds(computed.tv_nsec)};
}

}  // namespace whorl

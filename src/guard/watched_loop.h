// One loop as its watcher sees it: whether it is held up, by what, and by what it has been.
//
// Thread: of the watcher, or under its lock.
#pragma once

#include <whorl/guard/stall_watch.h>
#include <whorl/guard/thread_look.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// What there is to tell.
struct stall_finding {
  std::string loop;
  duration lasted{};
  std::optional<thread_look> look;  // none: it goes on
  std::string callback;
  std::uint64_t times = 0;
  std::uint64_t untold = 0;  // since the last that was told
};

class watched_loop {
 public:
  // On the loop's thread.
  watched_loop(const reactor& loop, stall_watch::options chosen);

  duration limit() const noexcept { return chosen_.limit; }
  void begin();
  std::optional<stall_finding> look();

  // Of one stack.
  struct kind {
    thread_look first_look;
    std::string callback;
    std::uint64_t times = 0;
    duration longest{};
    duration total{};
    time_point told_at{};
  };
  const std::vector<kind>& kinds() const noexcept { return kinds_; }

 private:
  struct moment {
    time_point at;
    duration computed;  // processor time of the loop's thread until then
    duration starved;   // how long that thread was ready to run until then, and had no processor
  };
  moment now() const noexcept;
  std::optional<stall_finding> goes_on(const moment& now, std::uint64_t count);
  bool by_its_own_doing(const moment& now, duration limit) const;
  std::string describe_callback() const;
  std::size_t kind_of(const thread_look& look);
  bool may_tell(kind& which, time_point now);

  static constexpr std::size_t most_kinds = 256;  // then the last one stands for the rest
  static constexpr std::size_t most_told = 10;    // a minute

  const stall_watch::options chosen_;
  const heartbeat& heart_;
  const void* const thread_mark_;
  const pid_t thread_;
  clockid_t processor_time_{};

  std::uint64_t count_ = 0;      // of the heartbeat, when it was last seen to change
  std::uint64_t callbacks_ = 0;  // begun until then
  moment since_{};               // when that was
  duration seen_{};              // after how long, of the stall underway; zero: not yet
  bool told_ = false;            // of the stall underway
  std::size_t underway_ = 0;     // of which kind it is

  std::vector<kind> kinds_;
  std::uint64_t untold_ = 0;
  std::array<time_point, most_told> tellings_{};  // the last ones
  std::size_t next_telling_ = 0;
};

}  // namespace whorl

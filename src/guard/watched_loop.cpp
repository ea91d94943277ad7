#include "guard/watched_loop.h"

#include <fmt/format.h>
#include <pthread.h>
#include <whorl/guard/permit_blocking.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "guard/stack_copy.h"
#include "guard/thread_state.h"

namespace whorl {

namespace {

constexpr std::chrono::minutes a_while{1};

// "deferred<void> serve(reactor &) (server.cpp:31) < ..."
std::string one_line(const async_stack& stack) {
  std::string text;
  for (const async_frame& each : stack.frames()) {
    if (each.at.line() != 0) {
      const std::string_view file = each.at.file_name();
      text += fmt::format("{}{} ({}:{})", text.empty() ? "" : " < ", each.at.function_name(),
                          file.substr(file.rfind('/') + 1), each.at.line());
    }
  }
  return text;
}

// Where it computes differs from look to look.
bool alike(const thread_look& one, const thread_look& other) {
  const std::size_t innermost = one.asleep ? 0 : 1;
  return one.asleep == other.asleep && one.call == other.call && one.stack.size() == other.stack.size() &&
         (one.stack.size() <= innermost ||
          std::equal(one.stack.begin() + static_cast<std::ptrdiff_t>(innermost), one.stack.end(),
                     other.stack.begin() + static_cast<std::ptrdiff_t>(innermost)));
}

}  // namespace

watched_loop::watched_loop(const reactor& loop, stall_watch::options chosen)
    : chosen_(std::move(chosen)),
      heart_(loop.heart()),
      thread_mark_(detail::this_thread_mark()),
      thread_(this_thread_number()) {
  pthread_getcpuclockid(pthread_self(), &processor_time_);
}

void watched_loop::begin() {
  count_ = heart_.count();
  callbacks_ = heart_.callbacks();
  since_ = now();
}

std::optional<stall_finding> watched_loop::look() {
  const std::uint64_t count = heart_.count();
  if (count == count_ && heartbeat::resting(count)) {
    return std::nullopt;
  }
  const moment now = this->now();
  if (count != count_) {
    return goes_on(now, count);
  }
  const duration lasted = now.at - since_.at;
  const duration limit = std::max(chosen_.limit, seen_ * 2);
  if (lasted < limit || detail::blocking_is_permitted(thread_, heart_) || !by_its_own_doing(now, limit)) {
    return std::nullopt;
  }
  std::string callback = describe_callback();
  thread_look look = look_at(thread_);
  if (heart_.count() != count_) {
    return std::nullopt;  // what was seen may be of something else
  }
  const bool is_new = seen_ == duration::zero();
  seen_ = lasted;
  if (is_new) {
    underway_ = kind_of(look);
    kind& which = kinds_[underway_];
    if (which.times++ == 0) {
      which.callback = callback;
    }
    told_ = may_tell(which, now.at);
  }
  if (!told_) {
    untold_ += is_new ? 1 : 0;
    return std::nullopt;
  }
  return stall_finding{.loop = chosen_.name,
                       .lasted = lasted,
                       .look = std::move(look),
                       .callback = std::move(callback),
                       .times = kinds_[underway_].times,
                       .untold = std::exchange(untold_, 0)};
}

std::optional<stall_finding> watched_loop::goes_on(const moment& now, std::uint64_t count) {
  const duration lasted = now.at - since_.at;
  const bool was_held_up = std::exchange(seen_, duration::zero()) != duration::zero();
  const bool told = std::exchange(told_, false);
  count_ = count;
  callbacks_ = heart_.callbacks();
  since_ = now;
  if (!was_held_up) {
    return std::nullopt;
  }
  kind& which = kinds_[underway_];
  which.total += lasted;
  which.longest = std::max(which.longest, lasted);
  if (!told) {
    return std::nullopt;
  }
  return stall_finding{.loop = chosen_.name, .lasted = lasted, .look = std::nullopt, .callback = {}};
}

// Time in which others had the processor does not count. How long it has lacked that a thread knows when it has it again,
// and so when it sleeps; of one that does not, what it has computed is certain.
bool watched_loop::by_its_own_doing(const moment& now, duration limit) const {
  return (asleep(thread_) ? now.at - since_.at - (now.starved - since_.starved) : now.computed - since_.computed) >=
         limit;
}

std::string watched_loop::describe_callback() const {
  std::string text = heart_.running().describe();
  if (const std::string awaiting = one_line(detail::running_stack(thread_mark_, detail::copy_memory));
      !awaiting.empty()) {
    text += fmt::format(", for {}", awaiting);
  }
  if (const std::uint64_t others = heart_.callbacks() - callbacks_; others > 1) {
    text += fmt::format(", after {} others in its turn", others - 1);
  }
  return text;
}

std::size_t watched_loop::kind_of(const thread_look& look) {
  const auto known = std::ranges::find_if(kinds_, [&](const kind& each) { return alike(each.first_look, look); });
  if (known != kinds_.end()) {
    return static_cast<std::size_t>(known - kinds_.begin());
  }
  if (kinds_.size() < most_kinds) {
    kinds_.push_back({.first_look = look, .callback = {}});
  }
  return kinds_.size() - 1;
}

bool watched_loop::may_tell(kind& which, time_point now) {
  const bool long_ago = which.told_at == time_point() || now - which.told_at >= a_while;
  time_point& tenth_last = tellings_[next_telling_];
  if (!long_ago || (tenth_last != time_point() && now - tenth_last < a_while)) {
    return false;
  }
  which.told_at = tenth_last = now;
  next_telling_ = (next_telling_ + 1) % most_told;
  return true;
}

watched_loop::moment watched_loop::now() const noexcept {
  timespec computed{};
  ::clock_gettime(processor_time_, &computed);
  return {.at = std::chrono::steady_clock::now(),
          .computed = std::chrono::seconds(computed.tv_sec) + std::chrono::nanoseconds(computed.tv_nsec),
          .starved = detail::time_without_processor(thread_)};
}

}  // namespace whorl

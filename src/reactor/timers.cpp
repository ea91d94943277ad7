#include <whorl/deferred/error.h>
#include <whorl/deferred/failure.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/timers.h>
#include <whorl/reactor/turn_record.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <tuple>

// A time is counted in ticks of 1024 ns, and a tick number is read as 9 digits of 6 bits. A call stands at the level of
// the highest digit in which its tick differs from the current tick, in the slot that this digit names. So everything at
// a level is due before everything at the levels above, and the slots of a level are due in their order.
//
// When the current tick enters a slot of a higher level, the slot's calls are placed anew and come to stand lower. At
// the lowest level a slot is one tick; its calls are sorted when they fall due.

namespace whorl {

namespace {

constexpr unsigned tick_bits = 10;

// Times before the clock's zero count as zero: they are due at once all the same.
constexpr std::uint64_t tick_of(time_point when) noexcept {
  return static_cast<std::uint64_t>(std::max(when.time_since_epoch().count(), duration::rep{0})) >> tick_bits;
}

}  // namespace

void timer_queue::release(timer& shared) noexcept {
  if (--shared.owners_ == 0) {
    detail::timer_memory::give(&shared, shared.granules_);
  }
}

void timer_queue::insert(timer& added, time_point due) noexcept {
  added.due_ = due;
  ++size_;
  place(added);
}

void timer_queue::place(timer& placed) noexcept {
  const tick at = std::max(tick_of(placed.due_), current_);
  const tick differing = at ^ current_;
  unsigned level = 0;
  for (tick above = differing >> slot_bits; above != 0; above >>= slot_bits) {
    ++level;  // counted, not computed: a loop's timers last alike, and what is foreseen costs no waiting
  }
  const auto digit = static_cast<unsigned>(at >> (level * slot_bits)) % slots_per_level;
  placed.slot_ = static_cast<std::uint16_t>(level * slots_per_level + digit);

  slot& into = slots_[placed.slot_];
  placed.previous_ = into.last;
  placed.next_ = nullptr;
  (into.last == nullptr ? into.first : into.last->next_) = &placed;
  into.last = &placed;
  into.earliest = std::min(into.earliest, placed.due_);
  occupied_[level] |= std::uint64_t{1} << digit;
  occupied_levels_ |= static_cast<std::uint16_t>(1U << level);
}

void timer_queue::unlink(timer& gone) noexcept {
  slot& from = slots_[gone.slot_];
  (gone.previous_ == nullptr ? from.first : gone.previous_->next_) = gone.next_;
  (gone.next_ == nullptr ? from.last : gone.next_->previous_) = gone.previous_;
  if (from.first == nullptr) {
    static_cast<void>(take_slot(gone.slot_));
  }
}

// Empties a slot and hands over what was in it.
timer_queue::timer* timer_queue::take_slot(unsigned index) noexcept {
  timer* first = std::exchange(slots_[index], slot()).first;
  if (index != due_slot) {
    const unsigned level = index / slots_per_level;
    occupied_[level] &= ~(std::uint64_t{1} << index % slots_per_level);
    if (occupied_[level] == 0) {
      occupied_levels_ &= static_cast<std::uint16_t>(~(1U << level));
    }
  }
  return first;
}

unsigned timer_queue::first_slot() const noexcept {
  const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
  return level * slots_per_level + static_cast<unsigned>(std::countr_zero(occupied_[level]));
}

timer_queue::tick timer_queue::slot_start(unsigned index) const noexcept {
  const unsigned shift = index / slots_per_level * slot_bits;
  const tick above = current_ >> (shift + slot_bits) << (shift + slot_bits);
  return above | tick{index % slots_per_level} << shift;
}

std::optional<time_point> timer_queue::next_due() const noexcept {
  if (occupied_levels_ == 0) {
    return std::nullopt;
  }
  return slots_[first_slot()].earliest;
}

void timer_queue::collect_due(time_point now) noexcept {
  const tick now_tick = tick_of(now);
  while (occupied_levels_ != 0) {
    const unsigned index = first_slot();
    const tick start = slot_start(index);
    if (start > now_tick) {
      break;
    }
    current_ = start;
    if (index < slots_per_level) {
      collect_slot(index, now);
      if (start == now_tick) {
        break;  // what is left in it is due later in this very tick
      }
    } else {
      for (timer* moved = take_slot(index); moved != nullptr;) {
        place(*std::exchange(moved, moved->next_));
      }
    }
  }
  current_ = std::max(current_, now_tick);
}

// Calls come into a slot in the order in which they were added: from above, before any is added to the slot itself.
void timer_queue::collect_slot(unsigned index, time_point now) noexcept {
  sorting_.clear();
  for (timer* each = take_slot(index); each != nullptr; each = each->next_) {
    sorting_.push_back({.at = each->due_, .place = sorting_.size(), .who = each});
  }
  std::ranges::sort(sorting_, {}, [](const falling_due& each) { return std::tuple(each.at, each.place); });
  for (const falling_due& each : sorting_) {
    if (each.at <= now) {
      append_due(*each.who);
    } else {
      place(*each.who);
    }
  }
}

void timer_queue::append_due(timer& due) noexcept {
  slot& into = slots_[due_slot];
  due.slot_ = due_slot;
  due.previous_ = into.last;
  due.next_ = nullptr;
  (into.last == nullptr ? into.first : into.last->next_) = &due;
  into.last = &due;
}

void timer_queue::run_due(time_point now) noexcept {
  collect_due(now);
  while (timer* next = slots_[due_slot].first) {
    unlink(*next);
    run_one(*next);
  }
}

void timer_queue::run_one(timer& due) noexcept {
  const callback_scope scope("a timed call", due.added_);
  --size_;
  due.state_ = timer::state::running;
  try {
    due.call();
  } catch (...) {
    log(log_level::error, "a delayed call threw",
        {{"scheduled", fmt::format("{}:{}", due.added_.file_name(), due.added_.line())},
         {"failure", failure::current().describe()}});
  }
  due.destroy_call();
  due.state_ = timer::state::over;
  release(due);
}

void timer_queue::cancel(timer& gone) noexcept {
  unlink(gone);
  --size_;
  gone.state_ = timer::state::over;
  gone.destroy_call();
  release(gone);
}

// Nobody can see it any more, so that it goes at once with its call.
void timer_queue::abandon(timer& gone) noexcept {
  unlink(gone);
  --size_;
  gone.destroy_call();
  detail::timer_memory::give(&gone, gone.granules_);
}

void timer_queue::move(timer& moved, time_point due) noexcept {
  unlink(moved);
  --size_;
  insert(moved, due);
}

void timer_queue::clear() noexcept {
  while (timer* due = slots_[due_slot].first) {
    cancel(*due);
  }
  while (occupied_levels_ != 0) {
    cancel(*slots_[first_slot()].first);
  }
}

void delayed_call::drop() noexcept {
  detail::timer& dropped = *std::exchange(timer_, nullptr);
  if (dropped.state_ == detail::timer::state::waiting) {
    queue_->abandon(dropped);
  } else {
    timer_queue::release(dropped);
  }
}

void delayed_call::cancel() noexcept {
  if (active()) {
    drop();
  }
}

bool delayed_call::active() const noexcept {
  return timer_ != nullptr && timer_->state_ == detail::timer::state::waiting;
}

detail::timer& delayed_call::waiting_timer(const char* doing) const {
  if (!active()) {
    const char* why = timer_ == nullptr                                 ? "there is none, or it was cancelled"
                      : timer_->state_ == detail::timer::state::running ? "it is running"
                                                                        : "it has run, or its loop is gone";
    throw misuse(fmt::format("{} of a delayed call: {}; ask active() before, or make a new call", doing, why));
  }
  return *timer_;
}

void delayed_call::reset(duration from_now) {
  detail::timer& waiting = waiting_timer("reset()");
  queue_->move(waiting, due_after(queue_->now_(), from_now));
}

void delayed_call::delay(duration further) {
  detail::timer& waiting = waiting_timer("delay()");
  const time_point due = further < duration::zero() ? waiting.due_ + further : due_after(waiting.due_, further);
  queue_->move(waiting, due);
}

time_point delayed_call::due() const {
  if (timer_ == nullptr) {
    throw misuse(
        "due() of a delayed call that never was, or was cancelled: take the handle that call_later() returned");
  }
  return timer_->due_;
}

void delayed_call::detach() && noexcept {
  if (timer_ != nullptr) {
    timer_queue::release(*std::exchange(timer_, nullptr));
  }
}

}  // namespace whorl

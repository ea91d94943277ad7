#include <whorl/reactor/turn_record.h>

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

namespace whorl {

namespace {

// Measured once, within some parts in a thousand.
std::uint64_t measure_nanoseconds_a_tick() noexcept {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::microseconds enough(100);
  const auto began = clock::now();
  const std::uint64_t first = detail::processor_ticks();
  auto now = began;
  while (now - began < enough) {
    now = clock::now();
  }
  const std::uint64_t ticks = std::max<std::uint64_t>(detail::processor_ticks() - first, 1);
  return (static_cast<std::uint64_t>(duration(now - began).count()) << 32) / ticks;
}

std::uint64_t nanoseconds_a_tick() noexcept {
  static const std::uint64_t measured = measure_nanoseconds_a_tick();
  return measured;
}

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : type.name();
}

bool same_place(const std::source_location& one, const std::source_location& other) noexcept {
  return one.line() == other.line() && one.column() == other.column() &&
         std::strcmp(one.file_name(), other.file_name()) == 0;
}

// The longest first, those that took no time last.
template <class Kept>
void sort_longest_first(Kept& kept) noexcept {
  std::ranges::sort(kept, std::ranges::greater(), [](const auto& each) { return each.took; });
}

template <class Kept>
auto taken_time(const Kept& kept) {
  std::vector<typename Kept::value_type> found;
  std::ranges::copy_if(kept, std::back_inserter(found), [](const auto& each) { return each.took > duration::zero(); });
  return found;
}

}  // namespace

bool callback_name::operator==(const callback_name& other) const noexcept {
  return what == other.what && of == other.of && same_place(at, other.at);
}

std::string callback_name::describe() const {
  if (what == nullptr) {
    return "the loop's own work";
  }
  std::string text = what;
  if (of != nullptr) {
    text += fmt::format(" of {}", demangled(*of));
  }
  if (at.line() != 0) {
    const std::string_view file = at.file_name();
    text += fmt::format(" from {} ({}:{})", at.function_name(), file.substr(file.rfind('/') + 1), at.line());
  }
  return text;
}

turn_record::turn_record() : nanoseconds_a_tick_(nanoseconds_a_tick()) {}

void turn_record::turn_begins() noexcept {
  in_turn_ = 0;
  longest_of_turn_ = {};
  set_notable();
  for (turn_observer* each = observers_; each != nullptr;) {
    std::exchange(each, each->next_)->turn_begins();
  }
  works();
}

void turn_record::turn_ended(duration took) noexcept {
  turns_.add(took);
  heart_.rests();
  if (long_turn& shortest = longest_turns_.back(); took > shortest.took) [[unlikely]] {
    shortest = {.took = took, .number = turns_.count, .callbacks = in_turn_, .longest = longest_of_turn_};
    sort_longest_first(longest_turns_);
    negligible_ = longest_turns_.back().took / 16;
  }
}

void turn_record::is_notable(duration took) noexcept {
  const callback_name ended = heart_.last();
  if (took > longest_of_turn_.took) {
    longest_of_turn_ = {.took = took, .name = ended, .times = 1};
  }
  if (took > longest_callbacks_.back().took) {
    keep({.took = took, .name = ended, .times = 1});
  }
  set_notable();
}

void turn_record::set_notable() noexcept {
  notable_ = std::max(negligible_, std::min(longest_of_turn_.took, longest_callbacks_.back().took));
}

void turn_record::keep(const long_callback& found) noexcept {
  const auto known = std::ranges::find(longest_callbacks_, found.name, &long_callback::name);
  if (known == longest_callbacks_.end()) {
    longest_callbacks_.back() = found;
  } else {
    known->took = std::max(known->took, found.took);
    ++known->times;
  }
  sort_longest_first(longest_callbacks_);
}

void turn_record::tell_observers() noexcept {
  for (turn_observer* each = observers_; each != nullptr;) {
    std::exchange(each, each->next_)->callback_ended(heart_.last());
  }
}

void turn_record::add(turn_observer& observer) noexcept { observer.next_ = std::exchange(observers_, &observer); }

void turn_record::remove(turn_observer& observer) noexcept {
  turn_observer** link = &observers_;
  while (*link != nullptr && *link != &observer) {
    link = &(*link)->next_;
  }
  if (*link != nullptr) {
    *link = observer.next_;
  }
}

loop_statistics turn_record::statistics() const {
  return {.turns = turns_,
          .callbacks = callbacks_,
          .longest_callbacks = taken_time(longest_callbacks_),
          .longest_turns = taken_time(longest_turns_)};
}

}  // namespace whorl

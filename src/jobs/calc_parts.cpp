#include <whorl/jobs/calc_parts.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

namespace whorl {

std::string_view name_of(place_kind kind) noexcept {
  constexpr std::array<std::string_view, 4> names = {"loop", "lane", "pool", "process"};
  return names.at(static_cast<std::size_t>(kind));
}

call_time call_clock::stop() const {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return {.thread = name.data(), .took = std::chrono::steady_clock::now() - begun_};
}

void part_list::add(std::string_view part, place_kind place, call_time time) {
  const auto known =
      std::ranges::find_if(parts_, [&](const calc_part& one) { return one.part == part && one.thread == time.thread; });
  if (known == parts_.end()) {
    parts_.push_back({.part = std::string(part), .place = place, .thread = std::move(time.thread), .took = time.took});
  } else {
    known->took += time.took;
    ++known->calls;
  }
}

}  // namespace whorl

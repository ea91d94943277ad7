#include <whorl/deferred/mutex.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/thread_look.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/real_time.h>

#include <algorithm>
#include <ranges>
#include <string_view>

namespace whorl {

namespace {

// One that is given now. Without a heart it was given outside of every loop's turn, where nothing is told of anyhow.
struct given {
  const permit_blocking* by;
  pid_t thread;
  const heartbeat* heart;
  std::uint64_t beat;
  std::size_t place;
};

struct all_permissions {
  mutex access;
  std::vector<blocking_permission> places WHORL_GUARDED_BY(access);
  std::vector<given> now WHORL_GUARDED_BY(access);
};

// Never destroyed: threads may give themselves permission while the program ends.
all_permissions& permissions() {
  static auto& all = *new all_permissions;
  return all;
}

bool same_place(const std::source_location& one, const std::source_location& other) {
  return one.line() == other.line() && one.column() == other.column() &&
         std::string_view(one.file_name()) == other.file_name();
}

}  // namespace

permit_blocking::permit_blocking(const char* reason, std::source_location at) {
  const unobserved own_doing;
  const heartbeat* heart = nullptr;
  if (reactor::turning_on_this_thread()) {
    heart = &reactor::of_this_thread("permit blocking").heart();
    detail::permit_in_real_time();
  }
  all_permissions& all = permissions();
  const mutex_lock lock(all.access);
  auto place = std::ranges::find_if(all.places, [&](const auto& each) { return same_place(each.given_at, at); });
  if (place == all.places.end()) {
    all.places.push_back({.reason = reason, .given_at = at});
    place = std::prev(all.places.end());
  }
  ++place->times;
  all.now.push_back({.by = this,
                     .thread = this_thread_number(),
                     .heart = heart,
                     .beat = heart == nullptr ? 0 : heart->count(),
                     .place = static_cast<std::size_t>(place - all.places.begin())});
}

permit_blocking::~permit_blocking() {
  const unobserved own_doing;
  all_permissions& all = permissions();
  const mutex_lock lock(all.access);
  std::erase_if(all.now, [this](const given& each) { return each.by == this; });
  detail::end_permit_in_real_time();
}

std::vector<blocking_permission> blocking_permissions() {
  all_permissions& all = permissions();
  const mutex_lock lock(all.access);
  return all.places;
}

bool detail::blocking_is_permitted(pid_t thread, const heartbeat& heart) {
  all_permissions& all = permissions();
  const mutex_lock lock(all.access);
  for (const given& each : std::views::reverse(all.now)) {
    if (each.thread == thread && each.heart == &heart && each.beat == heart.count()) {
      ++all.places[each.place].excused;
      return true;
    }
  }
  return false;
}

}  // namespace whorl

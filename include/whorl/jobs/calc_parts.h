// Where the parts of one run ran, and how long each took: measured by the calls themselves, collected on the loop.
#pragma once

#include <whorl/process/packing.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

// The kinds of places that parts run in.
enum class place_kind { loop, lane, pool, process };
std::string_view name_of(place_kind kind) noexcept;

struct calc_part {
  std::string part;
  place_kind place;
  std::string thread;
  std::chrono::nanoseconds took{};
  std::uint64_t calls = 1;  // the same part on the same thread is one entry
};

// How long one call took, and on which thread.
struct call_time {
  std::string thread;
  std::chrono::nanoseconds took{};
};

template <>
inline constexpr auto packed_members<call_time> = std::tuple(&call_time::thread, &call_time::took);

// Made when a call begins; the call returns what stop() says along with its result.
class call_clock {
 public:
  call_time stop() const;

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

class part_list {
 public:
  void add(std::string_view part, place_kind place, call_time time);
  std::vector<calc_part> take() && { return std::move(parts_); }

 private:
  std::vector<calc_part> parts_;
};

}  // namespace whorl

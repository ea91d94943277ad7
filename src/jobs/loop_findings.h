// What has held a loop up, as the guard saw it, the longest of what it ran, and where the source lets it wait: for GET /guard
// and for the page.
#pragma once

#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/jobs/value.h>
#include <whorl/reactor/turn_record.h>

#include <vector>

namespace whorl {

struct loop_findings {
  bool watched = false;  // by a stall_watch
  std::vector<stall> stalls;
  std::vector<long_callback> longest_callbacks;
  std::vector<blocking_permission> permissions;
};

// {watched, stalls: [{call, at, doing, instead, callback, stack, times, longest_ms, total_ms}],
//  callbacks: [{what, longest_ms, times}], permissions: [{reason, at, times, excused}]}
value to_value(const loop_findings& found);

}  // namespace whorl

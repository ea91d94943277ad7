// A gate holds the threads that come to it, so that a test knows where they are without waiting for time to pass.
#pragma once

#include <whorl/places/thread_affinity.h>

#include <latch>

namespace whorl {

struct gate {
  std::latch entered{1};
  std::latch opened{1};
};

template <>
inline constexpr thread_affinity affinity_of<gate> = thread_affinity::any_thread;

inline int wait_at(gate* at, int answer) {
  at->entered.count_down();
  at->opened.wait();
  return answer;
}

}  // namespace whorl

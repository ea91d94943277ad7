// A may_block is the permission to wait: every function of ours that blocks its thread takes one by reference, and
// only a place where waiting is harmless can make one: a pool's worker, a lane, a process, and main before the loop runs.
//
// A coroutine that takes one does not compile: it runs on the loop.
// Lifetime: good for the call that it was given to; neither copied nor moved.
#pragma once

#include <string_view>

namespace whorl {

class may_block {
 public:
  may_block(const may_block&) = delete;
  may_block& operator=(const may_block&) = delete;

  // For main, and for threads that are not whorl's. Throws misuse on a thread that has a running loop.
  template <class F>
  static decltype(auto) on_this_thread(F f) {
    refuse_on_loop("may_block::on_this_thread");
    may_block permission;
    return f(permission);
  }

  // Throws misuse, naming what was being done, on a thread that has a running loop: for a permission that was carried
  // there all the same.
  static void refuse_on_loop(std::string_view doing);

 private:
  friend class blocking_place;  // what runs calls off the loop: workers and lanes
  may_block() = default;
};

}  // namespace whorl

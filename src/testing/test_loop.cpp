#include <whorl/testing/test_loop.h>

#include <algorithm>

#include "testing/simulation_state.h"

namespace whorl::testing {

void test_loop::turn() { world_.state_->turn(*host_.state_); }

void test_loop::advance(duration by) {
  world_.state_->network->advance_to(due_after(now(), by));
  turn();
}

void test_loop::pump(std::initializer_list<duration> steps) {
  std::ranges::for_each(steps, [this](duration by) { advance(by); });
}

}  // namespace whorl::testing

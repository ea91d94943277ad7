#include "guard/process_stack.h"

#include "guard/stopped_thread.h"

namespace whorl::detail {

void process_stack::prepare() {
  if (information_) {
    information_->refresh();
  } else {
    information_.emplace(memory_.process());
    unwinder_.emplace(*information_, memory_.process());
  }
  if (!python_) {
    python_ = python_stack::of(memory_, *information_);
  }
}

process_stack::moment process_stack::take(pid_t thread) {
  moment taken{.state = state_of(memory_.process(), thread), .stack = {}, .python = {}};
  if (!taken.state.asleep) {
    take_running(taken, thread);
    return taken;
  }
  known_registers known;
  known.values[known_registers::stack_pointer] = taken.state.stack_pointer;
  known.values[known_registers::instruction] = taken.state.instruction;
  taken.stack.emplace(thread, known, memory_);
  taken.python = python_of(thread);
  return taken;
}

void process_stack::take_running(moment& into, pid_t thread) {
  const stopped_thread there(thread);
  if (there.stops_later()) {
    stopping_.push_back(thread);
  }
  if (const auto known = there.registers()) {
    into.stack.emplace(thread, *known, memory_);
    into.python = python_of(thread);
  }
}

void process_stack::let_go() { std::erase_if(stopping_, &stopped_thread::let_go_on); }

std::vector<stack_frame> process_stack::python_of(pid_t thread) const {
  return python_ ? python_->of_thread(thread) : std::vector<stack_frame>();
}

std::vector<stack_frame> process_stack::resolve(const thread_snapshot& stack) {
  prepare();
  return information_->describe(unwinder_->unwind(stack));
}

}  // namespace whorl::detail

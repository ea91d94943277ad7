#include "guard/process_look.h"

#include "guard/debug_information.h"
#include "guard/stopped_thread.h"

namespace whorl::detail {

thread_seen process_look::at(pid_t thread) {
  if (!python_) {
    python_ = python_stack::of(memory_, debug_information(memory_.process()));
  }
  thread_seen seen{.state = state_of(memory_.process(), thread), .stack = {}, .python = {}};
  if (!seen.state.asleep) {
    add_running(seen, thread);
    return seen;
  }
  known_registers known;
  known.values[known_registers::stack_pointer] = seen.state.stack_pointer;
  known.values[known_registers::instruction] = seen.state.instruction;
  seen.stack.emplace(thread, known, memory_);
  seen.python = python_of(thread);
  return seen;
}

void process_look::add_running(thread_seen& into, pid_t thread) {
  const stopped_thread there(thread);
  if (there.stops_later()) {
    stopping_.push_back(thread);
  }
  if (const auto known = there.registers()) {
    into.stack.emplace(thread, *known, memory_);
    into.python = python_of(thread);
  }
}

void process_look::let_go() { std::erase_if(stopping_, &stopped_thread::let_go_on); }

std::vector<stack_frame> process_look::python_of(pid_t thread) const {
  return python_ ? python_->of_thread(thread) : std::vector<stack_frame>();
}

}  // namespace whorl::detail

// How what `whorl guard` finds is written: as text, or as JSON, one object a line; and, when the program has ended, as folded
// stacks for flame graphs, and as a page.
#pragma once

#include <whorl/guard/program_watch.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace whorl::cli {

// Also writes what came out in the end.
class guard_report : public program_report {
 public:
  virtual void ended(const program_outcome& outcome) = 0;
};

std::unique_ptr<guard_report> text_report(std::ostream& out);
std::unique_ptr<guard_report> json_report(std::ostream& out);

// "a;b;c 120": outermost first, milliseconds.
void write_folded(std::ostream& out, const program_outcome& outcome);

// One file that needs nothing else.
void write_page(std::ostream& out, const std::string& command, const program_outcome& outcome);

// Without functions that have no name, and without the interpreter's where its own stack is shown.
std::vector<stack_frame> shown_stack(const stall_cause& cause);

// "python3 (thread 7 of 6)", "40 loops such as python3 (thread 7 of 6)"
std::string name_of(const loop_outcome& known);

// "exit status 3", "signal 11"
std::string end_of(const program_outcome& outcome);

}  // namespace whorl::cli

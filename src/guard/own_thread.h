// The guard's own threads. They take no signals, which are for the program's, and changes of what belongs to the process
// beside them are nobody's business.
//
// Thread: any.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace whorl::detail {

// It ends by itself, and has its descriptors together with the thread that starts it.
void start_own_thread(std::move_only_function<void()> work);

// To be called by a thread of the guard's: from now on what it opens, and threads that it starts, is no descriptor of the
// program's, and the other way round: neither standard error nor a sink of the log is there for it. Where descriptors are
// shared the kernel counts who uses a file in each call, which costs a loop that is its program's only thread 2 % of an echo.
// Does nothing if the program's standard error could not be had then (Linux before 5.9, or a system call filter).
void take_own_descriptors() noexcept;
bool has_own_descriptors() noexcept;

// While it lives, standard error of this thread, which has own descriptors, is what the program's is now.
class standard_error_of_program {
 public:
  standard_error_of_program() noexcept;
  standard_error_of_program(const standard_error_of_program&) = delete;
  standard_error_of_program& operator=(const standard_error_of_program&) = delete;
  ~standard_error_of_program();
};

bool is_own_thread(pid_t thread);

// As the kernel knows it, of this process; empty: it has ended.
std::string name_of_thread(pid_t thread);

}  // namespace whorl::detail

// The guard's own threads. They take no signals, which are for the program's, and changes of what belongs to the process
// beside them are nobody's business.
//
// Thread: any.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace whorl::detail {

// It ends by itself.
void start_own_thread(std::move_only_function<void()> work);

bool is_own_thread(pid_t thread);

// As the kernel knows it, of this process; empty: it has ended.
std::string name_of_thread(pid_t thread);

}  // namespace whorl::detail

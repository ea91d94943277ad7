// What the guard tells: a line of the log, as any other.
//
// Where WHORL_GUARD_REPORTS in the environment names a file, the line is added to that too, with the name of the program:
// a test may have captured its log, and programs that it starts may write theirs elsewhere.
//
// Thread: any. From one that has descriptors of its own (own_thread.h) a line goes to the program's standard error.
#pragma once

#include <whorl/deferred/log.h>

#include <initializer_list>
#include <string_view>

namespace whorl::detail {

void report(log_level level, std::string_view what, std::initializer_list<log_field> fields);

// What is no report, such as that a loop goes on.
void log_of_guard(log_level level, std::string_view what, std::initializer_list<log_field> fields = {});

}  // namespace whorl::detail

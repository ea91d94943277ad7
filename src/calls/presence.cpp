// Says that the wrappers are in the program, and brings them all: whoever links the library asks for this symbol.
#include <whorl/guard/waiting_call.h>

extern "C" {

extern const bool whorl_wraps_connections;
extern const bool whorl_wraps_descriptors;
extern const bool whorl_wraps_events;
extern const bool whorl_wraps_files;
extern const bool whorl_wraps_futex;
extern const bool whorl_wraps_locks;
extern const bool whorl_wraps_names;
extern const bool whorl_wraps_opens;
extern const bool whorl_wraps_processes;
extern const bool whorl_wraps_state;
extern const bool whorl_wraps_streams;
extern const bool whorl_wraps_threads;
extern const bool whorl_wraps_times;

extern const bool* const whorl_blocking_calls[];
constinit const bool* const whorl_blocking_calls[] = {
    &whorl_wraps_connections, &whorl_wraps_descriptors, &whorl_wraps_events, &whorl_wraps_files,     &whorl_wraps_futex,
    &whorl_wraps_locks,       &whorl_wraps_names,       &whorl_wraps_opens,  &whorl_wraps_processes, &whorl_wraps_state,
    &whorl_wraps_streams,     &whorl_wraps_threads,     &whorl_wraps_times,
};
}

namespace {
[[maybe_unused]] const bool told = (whorl::detail::wrappers_are_linked(), true);
}

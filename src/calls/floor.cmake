# The library that `whorl guard` preloads into programs. It needs the C library alone, so that it disturbs nothing in them.
# Like the rest of this floor it is left out of builds with sanitizers, which want to be the first in a program.
# Of the wrappers it has those of calls that are rare, and so cost nothing.
add_library(whorl_guard SHARED
  src/calls/preload/turns.cpp src/calls/preload/told_calls.cpp src/calls/preload/environment.cpp
  src/calls/real_function.cpp src/calls/expected_wait.cpp
  src/calls/wrap_connections.cpp src/calls/wrap_files.cpp src/calls/wrap_names.cpp src/calls/wrap_processes.cpp
  src/calls/wrap_state.cpp src/calls/wrap_threads.cpp src/calls/wrap_times.cpp
  src/guard/waiting_call.cpp)
target_link_libraries(whorl_guard PRIVATE whorl_base)
target_compile_options(whorl_guard PRIVATE -O2 -fno-exceptions -fno-rtti -fvisibility=hidden)
target_link_options(whorl_guard PRIVATE -static-libstdc++ -static-libgcc
  LINKER:--as-needed LINKER:--no-undefined LINKER:--exclude-libs,ALL)
install(TARGETS whorl_guard LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/whorl" COMPONENT program)

# The tests look for the line of each call, which optimisers move; and precompiled headers want one level for all.
set_source_files_properties(src/calls/catalogue_test.cpp src/calls/call_watch_test.cpp
  PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "-O0;-fno-builtin;-fno-optimize-sibling-calls")

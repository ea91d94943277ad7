# -DWHORL_GUARD_TESTS=ON: the guard's wrappers round functions that wait (src/calls) are in the program, in the examples and
# in the tests of all floors with loops, and these tests can be watched:
#
#     make guarded               (ctest --preset guarded, which sets WHORL_GUARDED)
#
# runs every one of them through scripts/watch_test.sh, so that it fails when the guard reports anything in it or in a
# program that it starts: a call that waits, a loop that is held up, a change of what belongs to the process. What may wait
# on a loop says so where it does: permit_blocking because("..."). Not watched are
#
#   - the tests of the guard itself, of the floors guard and calls and tests/guard*.py, which provoke reports;
#   - what says "unguarded: <reason>" in a comment line of its own;
#   - what runs no loop: tests of floors that have none, of the checks, of what must not compile, of the installation.
#
# Without WHORL_GUARDED the tests run as they do in any other build.

option(WHORL_GUARD_TESTS "Link the program, the examples and the tests with the wrappers of the guard" OFF)
if(WHORL_SANITIZE)  # sanitizers wrap the same functions
  set(WHORL_GUARD_TESTS OFF)
endif()

set(whorl_watched_floors reactor net places process testing web db jobs cli)
set(whorl_watch_test "${PROJECT_SOURCE_DIR}/scripts/watch_test.sh")

# Before the tests of a target are added: ctest is to run them through the script. (CMake's word for such a program is the
# emulator of another machine.)
function(whorl_watch_floor floor)
  if(WHORL_GUARD_TESTS AND floor IN_LIST whorl_watched_floors)
    set_target_properties(${floor}_test PROPERTIES CROSSCOMPILING_EMULATOR "${whorl_watch_test}")
  endif()
endfunction()

# What to put before the command of the test that this source is, as a list.
function(whorl_watch_source out source)
  get_filename_component(name "${source}" NAME)
  file(STRINGS "${source}" unguarded REGEX "^(//|#) unguarded: " LIMIT_COUNT 1)
  set(${out} "" PARENT_SCOPE)
  if(WHORL_GUARD_TESTS AND NOT unguarded AND NOT name MATCHES "^guard")
    set(${out} "${whorl_watch_test}" PARENT_SCOPE)
  endif()
endfunction()

function(whorl_link_missing_floors target)
  get_target_property(linked ${target} LINK_LIBRARIES)
  foreach(floor IN LISTS ARGN)
    if(NOT whorl_floor_${floor} IN_LIST linked)
      whorl_link_floors(${target} ${floor})
    endif()
  endforeach()
endfunction()

# After all floors.
function(whorl_link_wrappers)
  if(NOT WHORL_GUARD_TESTS)
    return()
  endif()
  foreach(floor IN LISTS whorl_watched_floors)
    if(TARGET ${floor}_test)
      whorl_link_missing_floors(${floor}_test calls guard facts reactor deferred)
    endif()
  endforeach()
  if(TARGET whorl)
    whorl_link_missing_floors(whorl calls)
  endif()
endfunction()

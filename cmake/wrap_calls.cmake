# -DWHORL_GUARD_TESTS=ON: the wrappers round functions that wait (src/calls) are in the program and in the tests of all floors with
# loops. WHORL_GUARD=report, throw or abort in the environment then has every loop watched (guard/call_watch.h):
#
#     WHORL_GUARD=abort ctest --test-dir build/guarded

option(WHORL_GUARD_TESTS "Link the program and the tests with the wrappers of the guard" OFF)

function(whorl_link_missing_floors target)
  get_target_property(linked ${target} LINK_LIBRARIES)
  foreach(floor IN LISTS ARGN)
    if(NOT whorl_floor_${floor} IN_LIST linked)
      whorl_link_floors(${target} ${floor})
    endif()
  endforeach()
endfunction()

if(WHORL_GUARD_TESTS AND TARGET whorl_floor_calls)
  foreach(floor IN ITEMS reactor net guard places process testing web db jobs cli)
    if(TARGET ${floor}_test)
      whorl_link_missing_floors(${floor}_test calls guard facts reactor deferred)
    endif()
  endforeach()
  if(TARGET whorl)
    whorl_link_missing_floors(whorl calls)
  endif()
endif()

# whorl_floor(<name> COMPONENT <component> USES <floor>... [TESTS_USE <floor>...] [LIBRARIES <library>...]
#             [TESTS_TOGETHER <suites>] [ALSO_ON <back end>] [ONE_THREAD])
# whorl_floor(<name> PROGRAM <program> USES <floor>... [TESTS_USE <floor>...] [LIBRARIES <library>...])
#
# Declares the floor src/<name>/. Its sources become the object library whorl_floor_<name>; the objects of all floors of a
# component become the static library whorl_<component> (cmake/components.cmake). A floor's tests, src/<name>/*_test.cpp,
# become one executable <name>_test that is linked with this floor and the floors below it and nothing else: what a floor
# may not include it cannot link either, and a floor that does not compile stops no test of the floors below it.
#
# ALSO_ON: all tests run once more, as one test of ctest, on this back end (WHORL_BACKEND) instead of the kernel's best.
# ONE_THREAD: its tests run on one thread, and are not built for the thread sanitizer, which would have nothing to see.
# TESTS_TOGETHER names test suites, as in --gtest_filter, that are one test of ctest, for what they share is dear to make.
#
# What a floor needs beyond that it says in src/<name>/floor.cmake, which is read after its targets are made.

function(whorl_floors_below out)
  set(below "")
  foreach(used IN LISTS ARGN)
    get_property(further GLOBAL PROPERTY WHORL_BELOW_${used})
    list(APPEND below ${used} ${further})
  endforeach()
  list(REMOVE_DUPLICATES below)
  set(${out} "${below}" PARENT_SCOPE)
endfunction()

function(whorl_link_floors target)
  foreach(floor IN LISTS ARGN)
    if(TARGET whorl_floor_${floor})
      target_link_libraries(${target} PRIVATE whorl_floor_${floor})
    endif()
  endforeach()
endfunction()

function(whorl_floor name)
  cmake_parse_arguments(PARSE_ARGV 1 floor "ONE_THREAD" "COMPONENT;PROGRAM;TESTS_TOGETHER;ALSO_ON" "USES;TESTS_USE;LIBRARIES")
  set(folder "${PROJECT_SOURCE_DIR}/src/${name}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/whorl/${name}/*.h")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  whorl_floors_below(below ${floor_USES})
  set_property(GLOBAL PROPERTY WHORL_BELOW_${name} "${below}")

  # The sources of a program are objects too, all but main.cpp, so that its tests can link them.
  set(main "${sources}")
  if(floor_PROGRAM)
    list(FILTER main INCLUDE REGEX "/main\\.cpp$")
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  endif()
  if(sources)
    add_library(whorl_floor_${name} OBJECT ${sources})
    target_link_libraries(whorl_floor_${name} PRIVATE whorl_base ${floor_LIBRARIES})
    whorl_precompiled(whorl_floor_${name})
  endif()
  if(floor_PROGRAM AND main)
    add_executable(${floor_PROGRAM} ${main})
    target_link_libraries(${floor_PROGRAM} PRIVATE whorl_base ${floor_LIBRARIES})
    whorl_link_floors(${floor_PROGRAM} ${name} ${below})
  endif()
  if(floor_COMPONENT AND (sources OR headers))
    set_property(GLOBAL APPEND PROPERTY WHORL_FLOORS_OF_${floor_COMPONENT} ${name})
  endif()

  if(floor_ONE_THREAD AND WHORL_SANITIZE STREQUAL "thread")
    set(tests "")
  endif()
  if(tests AND WHORL_BUILD_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE whorl_base ${floor_LIBRARIES} GTest::gmock_main)
    whorl_precompiled(${name}_test)
    whorl_floors_below(below ${floor_USES} ${floor_TESTS_USE})
    whorl_link_floors(${name}_test ${name} ${below})
    whorl_watch_floor(${name})
    set(apart "")
    if(floor_TESTS_TOGETHER)
      set(apart TEST_FILTER "-${floor_TESTS_TOGETHER}")
      string(REGEX REPLACE "[^A-Za-z]" "" together "${floor_TESTS_TOGETHER}")
      add_test(NAME ${name}_${together} COMMAND ${name}_test "--gtest_filter=${floor_TESTS_TOGETHER}")
      set_tests_properties(${name}_${together} PROPERTIES TIMEOUT 120)
    endif()
    if(WHORL_SANITIZE)  # a sanitized program takes longer to start than most tests take
      string(REPLACE "TEST_FILTER;" "--gtest_filter=" filter "${apart}")
      add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1 ${filter})
      set_tests_properties(${name} PROPERTIES TIMEOUT 600)
    else()
      gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST ${apart} PROPERTIES TIMEOUT 120)
    endif()
    if(floor_ALSO_ON)
      add_test(NAME ${name}_on_${floor_ALSO_ON} COMMAND ${name}_test --gtest_brief=1)
      set_tests_properties(${name}_on_${floor_ALSO_ON} PROPERTIES
        TIMEOUT 300 ENVIRONMENT WHORL_BACKEND=${floor_ALSO_ON})
    endif()
  endif()

  file(GLOB more CONFIGURE_DEPENDS "${folder}/floor.cmake")
  if(more)
    include("${more}")
  endif()
endfunction()

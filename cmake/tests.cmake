# Tests that are not a floor's own. Each kind is a folder; a file put there is a test.
#
#   examples/*.cpp       example_<stem>, linked with every component. One with a comment line "// ctest" is also run as a test; what follows
#                        on that line, as in "// ctest: --jobs 10", are its arguments.
#   tests/*.sh, *.py     run with WHORL_BINARY (the whorl program), WHORL_BUILD_DIR and WHORL_SOURCE_DIR in the environment; exit status 77
#                        means skipped. A comment line "# ctest timeout: 600" gives it more than 120 seconds, and
#                        "# ctest serial" lets nothing run beside it (tests that measure).
#   scripts/*_test.py    the tests of the checks themselves.
#   tests/compile/*.cpp  must not compile, or must: see scripts/judge_compile.py.
#   tests/install/       a program outside the tree, built against the installed package.

function(whorl_everything target)
  foreach(floor deferred reactor net places process guard facts testing protocols web db jobs)
    whorl_link_floors(${target} ${floor})
  endforeach()
  if(WHORL_GUARD_TESTS)
    whorl_link_floors(${target} calls)
  endif()
  target_link_libraries(${target} PRIVATE whorl_base SQLite::SQLite3 pq udunits2)
endfunction()

function(whorl_examples)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
  foreach(source IN LISTS sources)
    get_filename_component(stem "${source}" NAME_WE)
    add_executable(example_${stem} "${source}")
    whorl_everything(example_${stem})
    whorl_precompiled(example_${stem})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(STRINGS "${source}" line REGEX "^// ctest(:|$)" LIMIT_COUNT 1)
    if(line)
      string(REGEX REPLACE "^// ctest:? *" "" arguments "${line}")
      separate_arguments(arguments)
      whorl_watch_source(watched "${source}")
      add_test(NAME example_${stem} COMMAND ${watched} $<TARGET_FILE:example_${stem}> ${arguments})
      set_tests_properties(example_${stem} PROPERTIES TIMEOUT 120)
    endif()
  endforeach()
endfunction()

function(whorl_script_test script)
  get_filename_component(stem "${script}" NAME_WE)
  set(runner bash)
  if(script MATCHES "\\.py$")
    set(runner python3)
  endif()
  set(timeout 120)
  file(STRINGS "${script}" line REGEX "^# ctest timeout:" LIMIT_COUNT 1)
  if(line)
    string(REGEX REPLACE "[^0-9]" "" timeout "${line}")
  endif()
  file(STRINGS "${script}" serial REGEX "^# ctest serial$" LIMIT_COUNT 1)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}")
  whorl_watch_source(watched "${script}")
  add_test(NAME ${stem} COMMAND ${watched} ${runner} "${script}")
  if(serial)
    set_property(TEST ${stem} PROPERTY RUN_SERIAL ON)
  endif()
  set_tests_properties(${stem} PROPERTIES TIMEOUT ${timeout} SKIP_RETURN_CODE 77 ENVIRONMENT
    "WHORL_BUILD_DIR=${PROJECT_BINARY_DIR};WHORL_SOURCE_DIR=${PROJECT_SOURCE_DIR};WHORL_BINARY=${PROJECT_BINARY_DIR}/whorl")
endfunction()

function(whorl_script_tests)
  file(GLOB scripts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/*.sh" "${PROJECT_SOURCE_DIR}/tests/*.py")
  foreach(script IN LISTS scripts)
    whorl_script_test("${script}")
  endforeach()
endfunction()

function(whorl_check_tests)
  file(GLOB scripts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/scripts/*_test.py")
  foreach(script IN LISTS scripts)
    whorl_script_test("${script}")
  endforeach()
endfunction()

function(whorl_compile_tests)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/compile/*.cpp")
  foreach(source IN LISTS sources)
    get_filename_component(stem "${source}" NAME_WE)
    add_test(NAME compile_${stem} COMMAND python3 "${PROJECT_SOURCE_DIR}/scripts/judge_compile.py" "${source}"
      -- "${CMAKE_CXX_COMPILER}" -std=c++2b ${WHORL_WARNINGS} "-I${PROJECT_SOURCE_DIR}/include")
    set_tests_properties(compile_${stem} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
  endforeach()
endfunction()

function(whorl_install_test)
  if(NOT TARGET whorl_core)
    return()
  endif()
  add_test(NAME install_test COMMAND bash "${PROJECT_SOURCE_DIR}/tests/install/run.sh")
  set_tests_properties(install_test PROPERTIES TIMEOUT 300 ENVIRONMENT
    "WHORL_BUILD_DIR=${PROJECT_BINARY_DIR};CXX=${CMAKE_CXX_COMPILER};WHORL_SANITIZE=${WHORL_SANITIZE}")
endfunction()

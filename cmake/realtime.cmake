# The tests of a build with Clang's real-time sanitizer (WHORL_SANITIZE=realtime, `make rtsan`), which reports calls that may
# wait where a loop runs a callback. Whatever it finds in the tests and in the programs that they start, and cmake/rtsan.supp
# does not permit, is written to findings/, a file a process; after the tests `realtime_findings` fails if there is any, and
# says what to do. `realtime` tests that the sanitizer sees what it should.

find_program(WHORL_SYMBOLIZER llvm-symbolizer-22 REQUIRED)

set(whorl_findings "${PROJECT_BINARY_DIR}/findings")
set(whorl_rtsan_options "RTSAN_OPTIONS=set:halt_on_error=false:external_symbolizer_path=${WHORL_SYMBOLIZER}")

get_property(whorl_watched_tests DIRECTORY PROPERTY TESTS)
set_property(TEST ${whorl_watched_tests} PROPERTY FIXTURES_REQUIRED findings)
set_property(TEST ${whorl_watched_tests} PROPERTY ENVIRONMENT_MODIFICATION
  "${whorl_rtsan_options}:suppressions=${PROJECT_SOURCE_DIR}/cmake/rtsan.supp" "WHORL_FINDINGS=set:${whorl_findings}/found")

# The symbolizer is a child, and these look whether any child is left over.
set_property(TEST process APPEND PROPERTY ENVIRONMENT_MODIFICATION "GTEST_FILTER=set:-*.S106_AProgramThatIsNotThere*\
:*.S106_EveryStepThatFails*:*.S106_TheStepThatFailed*:*.NeitherDescriptorsNorZombiesAreLeft/*")
# Its children are forked with a loop of their own, and cannot share the symbolizer; tests/kill_nine.py kills a whole program.
set_property(TEST jobs APPEND PROPERTY ENVIRONMENT_MODIFICATION "GTEST_FILTER=set:-SqliteJobStoreKilled.*")

add_test(NAME realtime_no_findings_yet COMMAND "${CMAKE_COMMAND}" -E rm -rf "${whorl_findings}")
set_tests_properties(realtime_no_findings_yet PROPERTIES FIXTURES_SETUP findings)
add_test(NAME realtime_findings COMMAND python3 "${PROJECT_SOURCE_DIR}/scripts/realtime_findings.py" "${whorl_findings}")
set_tests_properties(realtime_findings PROPERTIES FIXTURES_CLEANUP findings)

add_executable(realtime_test "${PROJECT_SOURCE_DIR}/tests/realtime/realtime_test.cpp")
target_link_libraries(realtime_test PRIVATE whorl_base GTest::gmock_main)
whorl_precompiled(realtime_test)
whorl_link_floors(realtime_test places guard facts net reactor deferred)
add_test(NAME realtime COMMAND realtime_test --gtest_brief=1)
set_tests_properties(realtime PROPERTIES TIMEOUT 120 ENVIRONMENT_MODIFICATION "${whorl_rtsan_options}")

# bench/*.cpp become bench_<stem>, linked with Google Benchmark and every component; bench/*.c are the plain C programs
# that whorl is compared with, and link nothing. A source says in lines of their own what it needs that is different:
#
#   // bench floors: reactor        only this floor and those below it
#   // bench libraries: uv event    these as well

find_package(benchmark REQUIRED)
include(cmake/tests.cmake)

function(whorl_bench_line source name out)
  file(STRINGS "${source}" line REGEX "^// bench ${name}:" LIMIT_COUNT 1)
  string(REGEX REPLACE "^// bench ${name}: *" "" words "${line}")
  separate_arguments(words)
  set(${out} "${words}" PARENT_SCOPE)
endfunction()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
foreach(source IN LISTS sources)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  whorl_bench_line("${source}" floors floors)
  whorl_bench_line("${source}" libraries libraries)
  get_filename_component(stem "${source}" NAME_WE)
  add_executable(bench_${stem} "${source}")
  if(floors)
    whorl_floors_below(below ${floors})
    whorl_link_floors(bench_${stem} ${below})
    target_link_libraries(bench_${stem} PRIVATE whorl_base)
  else()
    whorl_everything(bench_${stem})
  endif()
  target_link_libraries(bench_${stem} PRIVATE benchmark::benchmark ${libraries})
endforeach()

# The echo server once more, of a whorl that keeps no record of what its loops run: what bench/record.py compares with,
# and bench/record.sh builds.
set(unrecorded "")
foreach(floor deferred reactor net facts guard)
  file(GLOB of_floor CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${floor}/*.cpp")
  list(APPEND unrecorded ${of_floor})
endforeach()
list(FILTER unrecorded EXCLUDE REGEX "_test\\.cpp$")
add_executable(bench_echo_unrecorded EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/bench/echo_whorl.cpp" ${unrecorded} "${PROJECT_BINARY_DIR}/facts/fact_text.cpp")
target_compile_definitions(bench_echo_unrecorded PRIVATE WHORL_KEEPS_RECORD=0)
target_link_libraries(bench_echo_unrecorded PRIVATE whorl_base)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.c")
foreach(source IN LISTS sources)
  get_filename_component(stem "${source}" NAME_WE)
  add_executable(bench_${stem} "${source}")
endforeach()

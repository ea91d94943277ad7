# bench/*.cpp become bench_<stem>, linked with every component and Google Benchmark; bench/*.c are the plain C programs
# that whorl is compared with, and link nothing.

find_package(benchmark REQUIRED)
include(cmake/tests.cmake)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(stem "${source}" NAME_WE)
  add_executable(bench_${stem} "${source}")
  whorl_everything(bench_${stem})
  target_link_libraries(bench_${stem} PRIVATE benchmark::benchmark)
endforeach()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.c")
foreach(source IN LISTS sources)
  get_filename_component(stem "${source}" NAME_WE)
  add_executable(bench_${stem} "${source}")
endforeach()

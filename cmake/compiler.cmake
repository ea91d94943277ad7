# The flags that everything of ours is compiled with, in one place; cmake/tests.cmake hands the same to the compile tests.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(WHORL_CCACHE ccache)
if(WHORL_CCACHE)
  foreach(language C CXX)
    if(NOT CMAKE_${language}_COMPILER_LAUNCHER)
      set(CMAKE_${language}_COMPILER_LAUNCHER
          "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${WHORL_CCACHE}")
    endif()
  endforeach()
endif()

set(WHORL_WARNINGS -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND WHORL_WARNINGS -Wthread-safety)
endif()
if(WHORL_WERROR)
  list(APPEND WHORL_WARNINGS -Werror)
endif()

# The linker of LLVM is five times as fast as the default one; g++ finds it by its folder.
find_program(WHORL_LLD ld.lld-19)
if(WHORL_LLD)
  file(REAL_PATH "${WHORL_LLD}" lld)
  cmake_path(GET lld PARENT_PATH lld_folder)
  add_link_options(-fuse-ld=lld "-B${lld_folder}")
endif()

add_compile_options(-fno-omit-frame-pointer)
if(WHORL_SANITIZE)
  add_compile_options(-fsanitize=${WHORL_SANITIZE})
  add_link_options(-fsanitize=${WHORL_SANITIZE})
  if(WHORL_SANITIZE MATCHES "undefined")
    # Its check of dynamic types opens a pipe, and reports nonsense where a test has used up all descriptors.
    add_compile_options(-fno-sanitize-recover=undefined -fno-sanitize=vptr)
  endif()
endif()

# What every target of ours is built with: standard, warnings, our headers, fmt and threads.
add_library(whorl_base INTERFACE)
target_compile_options(whorl_base INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${WHORL_WARNINGS}>)
target_compile_definitions(whorl_base INTERFACE WHORL_VERSION="${PROJECT_VERSION}")
target_include_directories(whorl_base INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(whorl_base INTERFACE fmt::fmt Threads::Threads)
if(WHORL_SANITIZE STREQUAL "realtime" AND WHORL_BUILD_TESTS)
  add_library(whorl_findings OBJECT "${PROJECT_SOURCE_DIR}/tests/realtime/findings.cpp")
  target_sources(whorl_base INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:whorl_findings>>)
endif()

# whorl_precompiled(<target>): compiles the target with src/precompiled.h, which is compiled once, if WHORL_PRECOMPILE is on.
# The presets without it, release and lint's, see to it that every file includes what it uses.

if(WHORL_PRECOMPILE)
  # What is precompiled is shared by programs and libraries, tests and others: they have to be compiled alike.
  add_compile_options(-fPIC)
  add_compile_definitions(GTEST_HAS_PTHREAD=1)
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "")
  add_library(whorl_precompiled OBJECT "${PROJECT_BINARY_DIR}/precompiled.cpp")
  target_link_libraries(whorl_precompiled PRIVATE whorl_base)
  target_precompile_headers(whorl_precompiled PRIVATE "${PROJECT_SOURCE_DIR}/cmake/precompiled.h")
  # Without these ccache would find no precompiled header again.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(whorl_precompiled PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  else()
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  endif()
endif()

function(whorl_precompiled target)
  if(WHORL_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM whorl_precompiled)
  endif()
endfunction()

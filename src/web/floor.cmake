# g++ 12 takes the empty side of an expected<optional<string>> for an uninitialised string; Clang and the sanitizers do not.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/src/web/http_answering.cpp" PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()

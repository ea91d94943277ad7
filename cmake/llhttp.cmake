# llhttp, from the C sources that Debian's node-llhttp ships: generated code, so without our warnings.

find_path(WHORL_LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
find_path(WHORL_LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH REQUIRED)

add_library(whorl_llhttp STATIC
  "${WHORL_LLHTTP_SOURCES}/api.c" "${WHORL_LLHTTP_SOURCES}/http.c" "${WHORL_LLHTTP_SOURCES}/llhttp.c")
target_include_directories(whorl_llhttp SYSTEM PUBLIC "${WHORL_LLHTTP_INCLUDE}")
target_compile_options(whorl_llhttp PRIVATE -w)
# Refuses what its default forgives: blanks in header names, bytes above 127 in targets, line feeds alone in chunks.
target_compile_definitions(whorl_llhttp PRIVATE LLHTTP_STRICT_MODE=1)

# whorl_embed(<target> <directory>)
#
# Makes the files below a directory of the caller's part of the program: <target> gets a source with their bytes, content
# types and ETags, and the header <whorl_embedded/<name>.h> with  std::span<const whorl::web::embedded_file>
# whorl_embedded::<name>(),  where <name> is the directory's last part. The files are read again whenever one changes.
#
# The same file is the script that writes the source: cmake -D DIRECTORY= -D NAME= -D OUTPUT= -P embed.cmake

set(WHORL_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

function(whorl_embed target directory)
  get_filename_component(directory "${directory}" ABSOLUTE)
  get_filename_component(name "${directory}" NAME)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS "${directory}/*")
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/embedded")
  set(source "${folder}/${name}.cpp")
  file(CONFIGURE OUTPUT "${folder}/whorl_embedded/${name}.h" @ONLY CONTENT [[
#pragma once

#include <whorl/web/embedded_file.h>

#include <span>

namespace whorl_embedded {
std::span<const whorl::web::embedded_file> @name@();
}
]])
  add_custom_command(OUTPUT "${source}" DEPENDS ${files} "${WHORL_EMBED_SCRIPT}" VERBATIM
    COMMENT "Embedding ${name}"
    COMMAND "${CMAKE_COMMAND}" -D "DIRECTORY=${directory}" -D "NAME=${name}" -D "OUTPUT=${source}" -P "${WHORL_EMBED_SCRIPT}")
  target_sources(${target} PRIVATE "${source}")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()

function(whorl_content_type out file)
  set(types
    .html text/html .css text/css .js text/javascript
    .json application/json .txt text/plain .csv text/csv .svg image/svg+xml
    .png image/png .jpg image/jpeg .ico image/x-icon .woff2 font/woff2 .webmanifest application/manifest+json)
  get_filename_component(extension "${file}" LAST_EXT)
  list(FIND types "${extension}" at)
  set(type "application/octet-stream")
  if(at GREATER_EQUAL 0)
    math(EXPR at "${at} + 1")
    list(GET types ${at} type)
  endif()
  if(type MATCHES "^text/")
    string(APPEND type "; charset=utf-8")
  endif()
  set(${out} "${type}" PARENT_SCOPE)
endfunction()

function(whorl_write_embedded)
  file(GLOB_RECURSE files RELATIVE "${DIRECTORY}" "${DIRECTORY}/*")
  list(SORT files)
  set(arrays "")
  set(table "")
  set(index 0)
  foreach(file IN LISTS files)
    file(READ "${DIRECTORY}/${file}" bytes HEX)
    file(SHA256 "${DIRECTORY}/${file}" hash)
    file(SIZE "${DIRECTORY}/${file}" size)
    string(SUBSTRING "${hash}" 0 16 hash)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
    whorl_content_type(type "${file}")
    string(APPEND arrays "constexpr unsigned char bytes_${index}[] = {\n${bytes}0};\n")
    string(APPEND table "    {\"${file}\", \"${type}\", \"\\\"${hash}\\\"\", {reinterpret_cast<const char*>(bytes_${index}), ${size}}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  set(source "#include <whorl_embedded/${NAME}.h>\n\nnamespace whorl_embedded {\nnamespace {\n\n${arrays}\n}  // namespace\n\n")
  string(APPEND source "std::span<const whorl::web::embedded_file> ${NAME}() {\n")
  string(APPEND source "  static const whorl::web::embedded_file files[] = {\n${table}  };\n  return files;\n}\n\n}  // namespace whorl_embedded\n")
  file(WRITE "${OUTPUT}" "${source}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  whorl_write_embedded()
endif()

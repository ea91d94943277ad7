// A file that is part of the program: cmake/embed.cmake turns a directory into a table of these.
//
//     whorl_embed(my_target page)                           # CMake: page/index.html, page/style.css ...
//     #include <whorl_embedded/page.h>                      // whorl_embedded::page()
//     server.files("/", whorl_embedded::page());            // serves /, /index.html, /style.css
//
// Lifetime: as long as the program.
#pragma once

#include <string_view>

namespace whorl::web {

struct embedded_file {
  std::string_view path;          // "index.html", "icons/logo.svg"
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view etag;          // with its quotes
  std::string_view content;
};

}  // namespace whorl::web

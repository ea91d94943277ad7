#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace whorl::cli {

namespace {

constexpr std::size_t width = 32;
constexpr const char* clear_line = "\r\x1b[K";

}  // namespace

progress_bar::progress_bar() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

progress_bar::~progress_bar() {
  if (drawn_) {
    fmt::print(stderr, "{}", clear_line);
  }
}

void progress_bar::draw(std::string_view title, double fraction, std::string_view note) {
  if (!on_terminal_) {
    return;
  }
  const auto filled = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * width);
  fmt::print(stderr, "{}{} [{:=<{}}{: <{}}] {:3.0f} % {}", clear_line, title, "", filled, "", width - filled,
             fraction * 100, note);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace whorl::cli

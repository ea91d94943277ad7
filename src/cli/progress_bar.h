// A progress bar on standard error, drawn only on a terminal.
#pragma once

#include <string_view>

namespace whorl::cli {

class progress_bar {
 public:
  progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar();  // clears the line

  // `fraction` from 0 to 1.
  void draw(std::string_view title, double fraction, std::string_view note);

 private:
  bool on_terminal_;
  bool drawn_ = false;
};

}  // namespace whorl::cli

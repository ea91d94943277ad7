// A file that is written to while a program is watched, which does not inherit it.
//
// Thread: one. Fails: a write that fails is kept, and said in the end.
#pragma once

#include <whorl/reactor/unique_fd.h>

#include <ostream>
#include <streambuf>
#include <string>

namespace whorl::cli {

class report_file : private std::streambuf {
 public:
  // Fails: with a sentence, if it cannot be written.
  explicit report_file(std::string path);
  report_file(const report_file&) = delete;
  report_file& operator=(const report_file&) = delete;
  ~report_file() override = default;

  std::ostream& out() noexcept { return out_; }

  // Writes what is left. Fails: with a sentence, if something could not be written.
  void finish();

 private:
  int_type overflow(int_type letter) override;
  int sync() override;

  std::string path_;
  std::string unwritten_;
  unique_fd file_;
  int failure_ = 0;
  std::ostream out_;
};

}  // namespace whorl::cli

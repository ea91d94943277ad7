// The programs that exec.run may run, and their limits: the server's choice, not the job's. No shell is between: a job
// gives the name of a program, its arguments, and what it reads.
//
// Thread: a value.
#pragma once

#include <whorl/reactor/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace whorl {

struct exec_programs {
  std::map<std::string, std::string, std::less<>> paths;  // absolute, by the name that jobs use

  duration time_limit = std::chrono::seconds(60);  // of wall time, and as much of CPU
  std::uint64_t address_space_bytes = std::uint64_t{1} << 30;
  std::size_t output_bytes = std::size_t{1} << 20;  // of each, standard output and error
  std::string directory = "/";

  // Throws error (errc::bad_input) for a path that is not absolute.
  void require_absolute() const;
};

}  // namespace whorl

// What belongs to a whole process and not to a loop or a thread: its working directory, users and groups, umask,
// environment, locale, signal dispositions and limits; and a check that callbacks of a loop leave it as it is.
//
//     process_state_check check(loop);       // for tests; whorl/testing/checks.h has one that fails a test
//     ... loop.run() ...
//     check.changes()                        // the working directory: from "/srv" to "/tmp", in turn 7, in a timed call from ...
//
// It compares after each callback, so that a change shows however it was made, by a raw system call too. What another
// thread has changed meanwhile shows as well, after the next callback. What is changed between two turns belongs to
// whoever turns the loop, and is not told.
//
// Thread:   the loop's.
// Lifetime: must be destroyed before its loop.
// Cost:     some 30 us a callback: for tests.
#pragma once

#include <whorl/reactor/reactor.h>

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whorl {

// Credentials are those of the calling thread.
struct process_state {
  std::string working_directory;
  std::array<uid_t, 3> users{};  // real, effective, saved
  std::array<gid_t, 3> groups{};
  std::vector<gid_t> further_groups;
  std::string umask;
  std::map<std::string, std::string> environment;
  std::string locale;
  std::map<int, std::uintptr_t> dispositions;  // of signals: 0 the default, 1 ignored, else a handler
  std::map<int, std::string> limits;           // of resources: "soft/hard"

  static process_state now();

  struct difference {
    std::string what;  // "the working directory", "the environment variable HOME"
    std::string from;  // as text
    std::string to;
  };
  std::vector<difference> differences(const process_state& later) const;
};

struct process_state_change {
  process_state::difference difference;
  std::string callback;    // after which it was seen
  std::uint64_t turn = 0;  // of the loop, from 1

  // "the working directory: from \"/srv\" to \"/tmp\", in turn 7, in a timed call from ..."
  std::string describe() const;
};

class process_state_check : private turn_observer {
 public:
  // Logs each change as a warning, too.
  explicit process_state_check(reactor& loop);
  process_state_check(const process_state_check&) = delete;
  process_state_check& operator=(const process_state_check&) = delete;
  ~process_state_check();

  const std::vector<process_state_change>& changes() const noexcept { return changes_; }

 private:
  void turn_begins() noexcept override;
  void callback_ended(const callback_name& which) noexcept override;

  turn_record& record_;
  process_state known_;
  std::vector<process_state_change> changes_;
};

}  // namespace whorl

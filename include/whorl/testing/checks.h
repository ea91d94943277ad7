// Checks that fail a GoogleTest test by themselves, at the end of their lives:
//
//     const no_unhandled_failures watch_failures;        // of any deferred, call or task, in the scope
//     const no_leaked_timers watch_timers(loop);         // of this loop
//     const no_leaked_deferreds watch_deferreds(loop);   // made on this loop, or outside of all loops
//
//     const no_process_state_changes watch_process(loop);  // no chdir, setenv, umask, signal ... in callbacks of this loop
//     const no_blocking_calls watch_calls(loop);           // no system call that may wait in callbacks of this loop
//
//     class my_test : public loop_test { ... };           // a fixture with a test_loop that is so watched
//
//     EXPECT_TRUE(every_seed_passes({.count = 10'000}, program));
//
// This header needs GoogleTest; link GTest::gtest.
#pragma once

#include <whorl/guard/process_state.h>
#include <whorl/guard/strict_mode.h>
#include <whorl/reactor/reactor.h>
#include <whorl/testing/captured_log.h>
#include <whorl/testing/explore.h>
#include <whorl/testing/test_loop.h>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace whorl::testing {

// Fails the test for every failure that nobody handled while it lived. Its log lines are kept off standard error: they
// are in the test's report.
class no_unhandled_failures {
 public:
  no_unhandled_failures() = default;
  no_unhandled_failures(const no_unhandled_failures&) = delete;
  no_unhandled_failures& operator=(const no_unhandled_failures&) = delete;
  ~no_unhandled_failures() {
    for (const std::string& line : log_.unhandled_failures()) {
      ADD_FAILURE() << "a failure was left unhandled: " << line;
    }
  }

  const captured_log& log() const noexcept { return log_; }

 private:
  captured_log log_;
};

// Fails the test for every timed call that was scheduled while it lived and still waits.
class no_leaked_timers {
 public:
  explicit no_leaked_timers(reactor& loop) : loop_(loop), before_(loop.waiting_calls()) {}
  no_leaked_timers(const no_leaked_timers&) = delete;
  no_leaked_timers& operator=(const no_leaked_timers&) = delete;
  ~no_leaked_timers() {
    if (const std::size_t now = loop_.waiting_calls(); now > before_) {
      ADD_FAILURE() << now - before_ << " timed calls still wait: cancel them, drop their handles, or wait for them";
    }
  }

 private:
  reactor& loop_;
  std::size_t before_;
};

// Fails the test for every deferred that was made while it lived and has not fired, and names who awaits it.
class no_leaked_deferreds {
 public:
  explicit no_leaked_deferreds(reactor& loop)
      : loop_(loop), before_on_loop_(loop.pending().size()), before_outside_(pending_outside_loops().size()) {}
  no_leaked_deferreds(const no_leaked_deferreds&) = delete;
  no_leaked_deferreds& operator=(const no_leaked_deferreds&) = delete;
  ~no_leaked_deferreds() {
    complain(loop_.pending(), before_on_loop_);
    complain(pending_outside_loops(), before_outside_);
  }

 private:
  // The oldest come first.
  static void complain(const std::vector<pending_wait>& all, std::size_t known) {
    for (std::size_t number = known; number < all.size(); ++number) {
      ADD_FAILURE() << "a deferred was left that never fired: it " << all[number].describe();
    }
  }

  reactor& loop_;
  std::size_t before_on_loop_;
  std::size_t before_outside_;
};

// Fails the test for every change to what belongs to the whole process (guard/process_state.h).
class no_process_state_changes {
 public:
  explicit no_process_state_changes(reactor& loop) : check_(loop) {}
  no_process_state_changes(const no_process_state_changes&) = delete;
  no_process_state_changes& operator=(const no_process_state_changes&) = delete;
  ~no_process_state_changes() {
    for (const process_state_change& each : check_.changes()) {
      ADD_FAILURE() << "a callback changed what belongs to the whole process: " << each.describe();
    }
  }

 private:
  process_state_check check_;
};

// Fails the test for every system call of a callback that may wait (guard/strict_mode.h). Where the kernel or the machine
// cannot watch them it does nothing: watches() says so.
class no_blocking_calls {
 public:
  explicit no_blocking_calls(reactor& loop, strict_mode::files treatment = strict_mode::files::are_findings) {
    if (!strict_mode::why_not()) {
      strict_.emplace(loop, treatment);
    }
  }
  no_blocking_calls(const no_blocking_calls&) = delete;
  no_blocking_calls& operator=(const no_blocking_calls&) = delete;
  ~no_blocking_calls() {
    if (strict_) {
      for (const strict_finding& each : strict_->findings()) {
        ADD_FAILURE() << "a callback made a call that may wait: " << each.describe();
      }
    }
  }

  bool watches() const noexcept { return strict_.has_value(); }

 private:
  std::optional<strict_mode> strict_;
};

// A loop, watched by the first three of these. What the test makes belongs into the test, or into a fixture derived from this one:
// it is gone before the loop is looked at.
class loop_test : public ::testing::Test {
 protected:
  test_loop loop;

 private:
  no_unhandled_failures failures_;
  no_leaked_timers timers_{*loop};
  no_leaked_deferreds deferreds_{*loop};
};

// The same program, which throws what EXPECT and ASSERT have found in it, so that explore() sees it.
inline std::function<void(simulation&)> with_expectations(std::function<void(simulation&)> program) {
  return [program = std::move(program)](simulation& world) {
    ::testing::TestPartResultArray found;
    {
      const ::testing::ScopedFakeTestPartResultReporter reporter(
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &found);
      program(world);
    }
    for (int number = 0; number < found.size(); ++number) {
      if (const auto& part = found.GetTestPartResult(number); part.failed()) {
        throw std::runtime_error(std::string(part.file_name() != nullptr ? part.file_name() : "?") + ":" +
                                 std::to_string(part.line_number()) + ": " + part.message());
      }
    }
  };
}

// explore(), for EXPECT_TRUE: says which seed fails, how to run it alone, and what happened.
inline ::testing::AssertionResult every_seed_passes(seeds which, std::function<void(simulation&)> program) {
  const exploration seen = explore(which, with_expectations(std::move(program)));
  return seen.passed() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << seen.report;
}

}  // namespace whorl::testing

// What the sub-commands of whorl have in common: exit codes, how they are added, and how they print.
//
// Exit codes: 0 done, 1 the work failed, 2 wrong usage.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/value.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/run.h>

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

namespace whorl::cli {

enum exit_code : int { exit_done = 0, exit_failed = 1, exit_usage = 2 };

// Each adds itself to the application and, when it is the one that was asked for, sets `status`.
void add_serve(CLI::App& app, int& status);
void add_calcs(CLI::App& app, int& status);
void add_submit(CLI::App& app, int& status);
void add_jobs(CLI::App& app, int& status);
void add_demo(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_facts(CLI::App& app, int& status);
void add_guard(CLI::App& app, int& status);

inline constexpr std::string_view default_server = "http://127.0.0.1:8080";

// --server URL, with the default and the help that every client command gives it.
void add_server_option(CLI::App& command, std::string& server);

// One line on standard error: "whorl: ...".
void complain(std::string_view what);

template <class Main, class... Args>
deferred<int> complaining(reactor& loop, Main main, Args... args) {
  try {
    if constexpr (std::same_as<std::invoke_result_t<Main, reactor&, Args...>, deferred<int>>) {
      co_return co_await std::invoke(std::move(main), loop, std::move(args)...);
    } else {
      co_await std::invoke(std::move(main), loop, std::move(args)...);
    }
  } catch (const error& why) {
    if (why.is(errc::cancelled)) {
      throw;  // a signal stopped the loop
    }
    complain(why.what());
    co_return exit_failed;
  }
  co_return exit_done;
}

// Runs a command's coroutine on a loop of its own. An error is said in one line, with its hint, and gives exit_failed.
template <class Main, class... Args>
int run_command(Main main, Args... args) {
  return run(complaining<Main, Args...>, std::move(main), std::move(args)...);
}

// The member's text, or "" if there is none.
std::string text_of(const value& object, std::string_view name);
double number_of(const value& object, std::string_view name);

// "12.3 ms", "4.5 s", "2 min 5 s"
std::string in_words(std::chrono::duration<double> time);

}  // namespace whorl::cli

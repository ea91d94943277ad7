// exec.run: a program of the server's list, in a child process.
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/exec_programs.h>
#include <whorl/process/command.h>
#include <whorl/reactor/reactor.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

namespace whorl {

namespace {

using process::captured_output;
using process::command;
using process::resource;

constexpr duration a_second = std::chrono::seconds(1);

const std::string& path_of(const exec_programs* allowed, const std::string& name) {
  if (allowed == nullptr || allowed->paths.empty()) {
    throw error(
        errc::not_found,
        fmt::format("\"{}\" may not be run: this server allows no programs; start it with --allow NAME=PATH for "
                    "each that jobs may run",
                    name));
  }
  const auto found = allowed->paths.find(name);
  if (found == allowed->paths.end()) {
    std::string names;
    for (const auto& [known, path] : allowed->paths) {
      names += (names.empty() ? "" : ", ") + known;
    }
    throw error(errc::not_found,
                fmt::format("\"{}\" is not among the programs that this server allows; choose one of {}", name, names));
  }
  return found->second;
}

// What belongs to the server, its environment for one, is not the program's business.
command command_of(const exec_programs& allowed, const std::string& path, const value& arguments) {
  const std::chrono::duration<double> asked(arguments.find("time_limit")->as_number());
  const duration most = std::min(allowed.time_limit, std::chrono::duration_cast<duration>(asked));
  command made(path);
  for (const value& each : arguments.find("arguments")->as_list()) {
    made.args(each.as_text());
  }
  made.input(arguments.find("input")->as_text())
      .empty_environment()
      .environment("PATH", "/usr/bin:/bin")
      .environment("LANG", "C.UTF-8")
      .directory(allowed.directory)
      .limit(resource::address_space_bytes, allowed.address_space_bytes)
      .limit(resource::cpu_seconds, static_cast<rlim_t>(most / a_second) + 1)
      .limit(resource::core_file_bytes, 0)
      .end_group_on_exit()
      .end_on_exit(duration::zero())
      .signal_on_parent_death(SIGKILL)
      .time_limit(most)
      .output_limit(allowed.output_bytes);
  return made;
}

value answer_of(captured_output got) {
  const auto seconds = [](duration time) { return std::chrono::duration<double>(time).count(); };
  const process::resource_use& used = got.status.used();
  value answer;
  answer.set("exit_code", got.status.exit_code().value_or(-1));
  answer.set("output", std::move(got.out)).set("error_output", std::move(got.err));
  answer.set("user_seconds", seconds(used.user_time)).set("system_seconds", seconds(used.system_time));
  return answer;
}

deferred<calc_result> run(calc_run run) {
  const std::string name = run.arguments.find("program")->as_text();
  const std::string& path = path_of(run.places.programs, name);
  const command what = command_of(*run.places.programs, path, run.arguments);
  const call_clock clock;
  captured_output got = co_await what.output(reactor::of_this_thread("exec.run"));

  part_list parts;
  parts.add("run", place_kind::process, {.thread = name, .took = clock.stop().took});
  calc_result done;
  done.answer = answer_of(std::move(got));
  done.parts = std::move(parts).take();
  co_return done;
}

}  // namespace

void exec_programs::require_absolute() const {
  for (const auto& [name, path] : paths) {
    if (!path.starts_with('/')) {
      throw error(
          errc::bad_input,
          fmt::format("allow the program \"{}\": its path \"{}\" is not absolute; begin it with /", name, path));
    }
  }
}

calc exec_run() {
  return {
      .name = "exec.run",
      .summary = "Runs a program of the server's list, with arguments and input of the job's",
      .places = {{.place = place_kind::process,
                  .reason = "a program of somebody else's may crash, hang, or use all memory; in a child process with "
                            "limits that ends this job alone, and no shell is asked"}},
      .parameters = {{.name = "program", .kind = parameter_kind::text, .summary = "its name on the server's list"},
                     {.name = "arguments",
                      .kind = parameter_kind::texts,
                      .summary = "what it is given",
                      .otherwise = value(value::list())},
                     {.name = "input",
                      .kind = parameter_kind::text,
                      .summary = "what it reads from its standard input",
                      .otherwise = value("")},
                     {.name = "time_limit",
                      .kind = parameter_kind::number,
                      .summary = "seconds; no more than the server allows",
                      .otherwise = value(60),
                      .least = 0.001,
                      .most = 1e6}},
      .run = &run};
}

}  // namespace whorl

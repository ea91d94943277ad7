#include "process/launch.h"

#include <fmt/format.h>
#include <unistd.h>
#include <whorl/guard/permit_blocking.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace whorl::process {

namespace {

constexpr std::string_view path_without_environment = "/bin:/usr/bin";

// The text that a plan points to.
struct texts {
  std::vector<std::string> candidates;
  std::vector<std::string> arguments;
  std::vector<std::string> set_variables;
  std::vector<char*> environment;  // what is inherited is not copied
  std::string cgroup_processes;
};

std::unexpected<error> bad(const description& wanted, const std::string& what) {
  return std::unexpected(error(errc::bad_input, fmt::format("run \"{}\": {}", wanted.program, what)));
}

bool has_null(std::string_view text) { return text.find('\0') != std::string_view::npos; }

result<void> judge(const description& wanted) {
  if (wanted.program.empty()) return bad(wanted, "the program has no name");
  if (has_null(wanted.program) || has_null(wanted.directory) || has_null(wanted.cgroup) ||
      std::ranges::any_of(wanted.arguments, has_null)) {
    return bad(
        wanted,
        "the program, its directory, its cgroup or an argument holds a null character, which no program can be given");
  }
  for (const auto& [name, value] : wanted.environment) {
    if (name.empty() || name.find('=') != std::string::npos || has_null(name) || has_null(value.value_or(""))) {
      return bad(wanted,
                 fmt::format("the environment variable \"{}\" has no name, an equals sign in its name, or a null "
                             "character",
                             name));
    }
  }
  return {};
}

std::vector<std::string> set_variables_of(const description& wanted) {
  std::vector<std::string> made;
  for (const auto& [name, value] : wanted.environment) {
    if (value) {
      made.push_back(fmt::format("{}={}", name, *value));
    }
  }
  return made;
}

std::vector<char*> environment_of(const description& wanted, std::vector<std::string>& set_variables) {
  std::vector<char*> made;
  if (wanted.environment_base == description::base::inherited) {
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      if (wanted.environment.empty() || !wanted.environment.contains(std::string(text.substr(0, text.find('='))))) {
        made.push_back(*entry);
      }
    }
  }
  for (std::string& each : set_variables) {
    made.push_back(each.data());
  }
  made.push_back(nullptr);
  return made;
}

// Every file that the name may mean, in the order of the PATH; an empty part of it is the child's directory.
std::vector<std::string> candidates_of(const std::string& program, const std::vector<char*>& environment) {
  if (program.find('/') != std::string::npos) return {program};
  std::string_view path = path_without_environment;
  for (const char* entry : environment) {
    if (entry != nullptr && std::string_view(entry).starts_with("PATH=")) {
      path = std::string_view(entry).substr(5);
    }
  }
  std::vector<std::string> made;
  while (true) {
    const std::string_view directory = path.substr(0, path.find(':'));
    made.push_back(directory.empty() ? "./" + program : fmt::format("{}/{}", directory, program));
    if (directory.size() == path.size()) return made;
    path.remove_prefix(directory.size() + 1);
  }
}

template <class Pointer>
std::vector<Pointer> pointers_to(std::vector<std::string>& all) {
  std::vector<Pointer> made;
  made.reserve(all.size() + 1);
  for (std::string& each : all) {
    made.push_back(each.data());
  }
  made.push_back(nullptr);
  return made;
}

texts texts_of(const description& wanted) {
  texts made;
  made.arguments.push_back(wanted.program);
  made.arguments.insert(made.arguments.end(), wanted.arguments.begin(), wanted.arguments.end());
  made.set_variables = set_variables_of(wanted);
  made.environment = environment_of(wanted, made.set_variables);
  made.candidates = candidates_of(wanted.program, made.environment);
  made.cgroup_processes = wanted.cgroup + "/cgroup.procs";
  return made;
}

child_plan plan_of(const description& wanted, texts& said, const opened_wires& wires) {
  child_plan made{.candidates = pointers_to<const char*>(said.candidates),
                  .arguments = pointers_to<char*>(said.arguments),
                  .environment = said.environment,
                  .descriptors = wires.moves,
                  .limits = {},
                  .cgroup_processes = wanted.cgroup.empty() ? nullptr : said.cgroup_processes.c_str(),
                  .directory = wanted.directory.empty() ? nullptr : wanted.directory.c_str(),
                  .user = wanted.user ? &*wanted.user : nullptr,
                  .file_mask = wanted.file_mask ? &*wanted.file_mask : nullptr,
                  .group = wires.terminal >= 0 ? description::group::session : wanted.process_group,
                  .terminal = wires.terminal,
                  .death_signal = wanted.death_signal};
  for (const auto& [which, most] : wanted.limits) {
    made.limits.push_back({.which = static_cast<int>(which), .most = most});
  }
  return made;
}

error step_error(const description& wanted, failed_step failed) {
  const std::string object = failed.which == launch_step::change_directory ? wanted.directory
                             : failed.which == launch_step::join_cgroup    ? wanted.cgroup
                                                                           : std::string();
  return launch_error(failed.which, failed.error_number, wanted.program, object);
}

}  // namespace

result<launched_child> launch(const description& wanted) {
  if (auto judged = judge(wanted); !judged) return std::unexpected(judged.error());
  auto wires = open_wires(wanted);
  if (!wires) return std::unexpected(wires.error());
  texts said = texts_of(wanted);
  const permit_blocking because("a child borrows this thread's memory until it has called exec");
  auto started = start_child(plan_of(wanted, said, *wires));
  if (!started) return std::unexpected(step_error(wanted, started.error()));
  return launched_child{.started = std::move(*started), .ours = std::move(wires->ours)};
}

}  // namespace whorl::process

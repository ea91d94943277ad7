#include <whorl/process/launch_step.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace whorl::process {

namespace {

// A category a step: its codes are the kernel's.
class step_category final : public std::error_category {
 public:
  constexpr step_category(const char* name, std::string_view doing) noexcept : doing(doing), name_(name) {}

  const char* name() const noexcept override { return name_; }
  std::string message(int code) const override { return std::system_category().message(code); }
  std::error_condition default_error_condition(int code) const noexcept override {
    return std::system_category().default_error_condition(code);
  }

  std::string_view doing;

 private:
  const char* name_;
};

constexpr std::size_t step_count = static_cast<std::size_t>(launch_step::execute) + 1;

const std::array<step_category, step_count>& categories() noexcept {
  static const std::array<step_category, step_count> all{{
      {"open wires", "open its pipes"},
      {"fork", "make a process for it"},
      {"join cgroup", "put it into the control group"},
      {"enter group", "put it into a process group or session of its own"},
      {"arrange descriptors", "give it its descriptors"},
      {"take terminal", "give it its terminal"},
      {"limit resources", "limit its resources"},
      {"change directory", "change to its directory"},
      {"change user", "become its user"},
      {"ask for death signal", "ask for a signal at the parent's death"},
      {"execute", "execute it"},
  }};
  return all;
}

std::string hint(launch_step which, int error_number) {
  const bool not_allowed = error_number == EPERM;
  switch (which) {
    case launch_step::execute:
      if (error_number == ENOENT) return "name a program that exists, or the interpreter that its first line needs";
      if (error_number == EACCES) return "make the file executable, and every directory on its way searchable";
      if (error_number == ENOEXEC) return "give a script a first line that names its interpreter, #!/bin/sh";
      return {};
    case launch_step::join_cgroup:
      if (error_number == ENOENT) return "name a directory of a mounted cgroup hierarchy";
      return not_allowed || error_number == EACCES
                 ? "have the group delegated to this user, who must be able to write to its cgroup.procs"
                 : "";
    case launch_step::change_user: return not_allowed ? "only root may become somebody else" : "";
    case launch_step::limit_resources:
      return not_allowed ? "only root may raise a limit above the hard one of this process" : "";
    case launch_step::arrange_descriptors:
      return error_number == EBADF ? "keep an inherited descriptor open until the child is spawned" : "";
    case launch_step::open_wires:
      return error_number == EMFILE ? "raise the limit on open files (ulimit -n), or spawn fewer children at once" : "";
    default: return {};
  }
}

}  // namespace

std::optional<launch_step> step_of(const error& why) noexcept {
  for (std::size_t step = 0; step < step_count; ++step) {
    if (why.code().category() == categories()[step]) {
      return static_cast<launch_step>(step);
    }
  }
  return std::nullopt;
}

error launch_error(launch_step which, int error_number, const std::string& program, const std::string& object) {
  const step_category& category = categories()[static_cast<std::size_t>(which)];
  std::string text =
      fmt::format("run \"{}\": cannot {}{}{}{}: {}", program, category.doing, object.empty() ? "" : " \"", object,
                  object.empty() ? "" : "\"", category.message(error_number));
  if (const std::string what_to_do = hint(which, error_number); !what_to_do.empty()) {
    text += "; " + what_to_do;
  }
  return {std::error_code(error_number, category), std::move(text)};
}

}  // namespace whorl::process

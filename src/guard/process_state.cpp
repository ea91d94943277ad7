#include <whorl/guard/process_state.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/call_stack.h>
#include <whorl/reactor/unique_fd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace whorl {

namespace {

std::string working_directory() {
  std::array<char, 4096> path{};
  return ::getcwd(path.data(), path.size()) == nullptr ? std::string("gone") : std::string(path.data());
}

// The line of a status file that begins with this word.
std::string status_line(const char* file, std::string_view word) {
  const unique_fd status(::open(file, O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t length = status ? ::read(status.get(), text.data(), text.size()) : 0;
  const std::string_view all(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::size_t at = all.find(word);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = all.substr(at + word.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

std::string umask_text() {
  const std::string text = status_line("/proc/thread-self/status", "\nUmask:");
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::vector<gid_t> further_groups() {
  std::vector<gid_t> all(64);
  int count = ::getgroups(static_cast<int>(all.size()), all.data());
  if (count < 0) {
    all.resize(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    count = ::getgroups(static_cast<int>(all.size()), all.data());
  }
  all.resize(static_cast<std::size_t>(std::max(count, 0)));
  return all;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> all;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view entry = *each;
    const std::size_t equals = std::min(entry.find('='), entry.size());
    all.emplace(entry.substr(0, equals), entry.substr(std::min(equals + 1, entry.size())));
  }
  return all;
}

// But for those that the guard itself has handlers for.
std::map<int, std::uintptr_t> dispositions() {
  std::map<int, std::uintptr_t> all;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action{};
    if (number != SIGSYS && number != SIGRTMAX - 3 && ::sigaction(number, nullptr, &action) == 0) {
      all.emplace_hint(all.end(), number, reinterpret_cast<std::uintptr_t>(action.sa_handler));
    }
  }
  return all;
}

std::string limit_text(rlim_t limit) { return limit == RLIM_INFINITY ? "unlimited" : fmt::to_string(limit); }

constexpr std::array<const char*, RLIMIT_NLIMITS> limit_names{
    "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
    "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};

std::map<int, std::string> limits() {
  std::map<int, std::string> all;
  for (int which = 0; which < RLIMIT_NLIMITS; ++which) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(which), &limit) == 0) {
      all.emplace_hint(all.end(), which, limit_text(limit.rlim_cur) + "/" + limit_text(limit.rlim_max));
    }
  }
  return all;
}

std::string disposition_text(std::uintptr_t handler) {
  switch (handler) {
    case 0: return "the default";
    case 1: return "ignored";
    default: return describe(resolve({{handler}}));
  }
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

// The differences as they are found.
class comparison {
 public:
  void add(std::string what, std::string from, std::string to) {
    found_.push_back({.what = std::move(what), .from = std::move(from), .to = std::move(to)});
  }

  template <class Value, class Text>
  void compare(const char* what, const Value& before, const Value& now, Text text) {
    if (before != now) {
      add(what, text(before), text(now));
    }
  }

  template <class Key, class Value, class Name, class Text>
  void compare_each(const std::map<Key, Value>& before, const std::map<Key, Value>& now, Name name, Text text) {
    if (before == now) {
      return;
    }
    const auto value = [&](const auto& in, const Key& key) {
      const auto found = in.find(key);
      return found == in.end() ? std::string("nothing") : text(found->second);
    };
    std::set<Key> keys;
    for (const auto* each : {&before, &now}) {
      for (const auto& [key, unused] : *each) {
        keys.insert(key);
      }
    }
    for (const Key& key : keys) {
      std::string was = value(before, key);
      std::string is = value(now, key);
      if (was != is) {
        add(name(key), std::move(was), std::move(is));
      }
    }
  }

  std::vector<process_state::difference> take() { return std::move(found_); }

 private:
  std::vector<process_state::difference> found_;
};

// setuid() of libc changes every thread, the system call only the one that makes it.
std::string whose_credentials() {
  std::set<std::string> users;
  std::set<std::string> groups;
  std::error_code ignored;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    const std::string file = (each.path() / "status").string();
    users.insert(status_line(file.c_str(), "\nUid:"));
    groups.insert(status_line(file.c_str(), "\nGid:"));
  }
  return users.size() > 1 || groups.size() > 1 ? " of some threads" : " of every thread";
}

}  // namespace

process_state process_state::now() {
  process_state here;
  here.working_directory = whorl::working_directory();
  ::getresuid(&here.users[0], &here.users[1], &here.users[2]);
  ::getresgid(&here.groups[0], &here.groups[1], &here.groups[2]);
  here.further_groups = whorl::further_groups();
  here.umask = umask_text();
  here.environment = whorl::environment();
  const char* locale = std::setlocale(LC_ALL, nullptr);
  here.locale = locale == nullptr ? "" : locale;
  here.dispositions = whorl::dispositions();
  here.limits = whorl::limits();
  return here;
}

std::vector<process_state::difference> process_state::differences(const process_state& later) const {
  const auto same = [](const auto& text) { return text; };
  const auto numbers = [](const auto& all) { return fmt::format("{}", fmt::join(all, " ")); };
  comparison found;
  found.compare("the working directory", working_directory, later.working_directory, quoted);
  if (users != later.users || groups != later.groups || further_groups != later.further_groups) {
    const std::string whose = whose_credentials();
    found.compare(("the real, effective and saved user" + whose).c_str(), users, later.users, numbers);
    found.compare(("the real, effective and saved group" + whose).c_str(), groups, later.groups, numbers);
    found.compare("the further groups", further_groups, later.further_groups, numbers);
  }
  found.compare("the umask", umask, later.umask, same);
  found.compare("the locale", locale, later.locale, quoted);
  found.compare_each(
      environment, later.environment, [](const auto& name) { return "the environment variable " + name; }, quoted);
  found.compare_each(
      dispositions, later.dispositions, [](int number) { return "the disposition of " + signal_name(number); },
      disposition_text);
  found.compare_each(
      limits, later.limits,
      [](int which) { return fmt::format("the limit {}", limit_names.at(static_cast<std::size_t>(which))); }, same);
  return found.take();
}

std::string process_state_change::describe() const {
  return fmt::format("{}: from {} to {}, in turn {}, in {}", difference.what, difference.from, difference.to, turn,
                     callback);
}

process_state_check::process_state_check(reactor& loop)
    : record_((loop.require_this_thread("process_state_check"), loop.record())), known_(process_state::now()) {
  record_.add(*this);
}

process_state_check::~process_state_check() { record_.remove(*this); }

void process_state_check::turn_begins() noexcept { known_ = process_state::now(); }

void process_state_check::callback_ended(const callback_name& which) noexcept {
  process_state now = process_state::now();
  for (auto& each : known_.differences(now)) {
    log(log_level::warning, "what belongs to the whole process was changed",
        {{"what", each.what}, {"from", each.from}, {"to", each.to}, {"callback", which.describe()}});
    changes_.push_back(
        {.difference = std::move(each), .callback = which.describe(), .turn = record_.turns().count + 1});
  }
  known_ = std::move(now);
}

}  // namespace whorl

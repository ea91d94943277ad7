// The program's environment is its own: what had the library loaded is taken out of it, so that neither the program nor what
// its children execute sees it, or is loaded with it. What the watched process executes in its own place gets it back.
//
// Source: exec(3); ld.so(8), LD_PRELOAD.
#include <alloca.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "calls/preload/shared_memory.h"
#include "calls/real_function.h"
#include "guard/watched_loops.h"

namespace whorl::detail {

namespace {

using calls::real_function;

constexpr std::string_view preload_variable = "LD_PRELOAD=";

// Both as they stood there: "LD_PRELOAD=.../libwhorl_guard.so", without other libraries, and "WHORL_GUARD_LOOPS=...".
constinit std::array<char, 4096> own_preload{};
constinit std::array<char, 256> own_memory{};

bool is_preload(const char* entry) noexcept { return std::string_view(entry).starts_with(preload_variable); }

// The watcher has put this library before all others.
void leave_others(char* preload) noexcept {
  char* const first = preload + preload_variable.size();
  const std::size_t length = std::strcspn(first, ":");
  if (preload_variable.size() + length >= own_preload.size()) {
    return;
  }
  std::memcpy(own_preload.data(), preload, preload_variable.size() + length);
  if (first[length] == '\0') {
    ::unsetenv("LD_PRELOAD");
  } else {
    std::memmove(first, first + length + 1, std::strlen(first + length + 1) + 1);
  }
}

bool comes_back(const char* const* environment) noexcept {
  return environment != nullptr && own_preload.front() != '\0' && shared != nullptr &&
         shared->program.load(std::memory_order_relaxed) == ::getpid();
}

std::size_t count_of(const char* const* list) noexcept {
  std::size_t count = 0;
  while (list[count] != nullptr) {
    ++count;
  }
  return count;
}

std::size_t preload_length(const char* const* environment) noexcept {
  std::size_t length = own_preload.size() + 1;
  for (const char* each : std::span(environment, count_of(environment))) {
    length += is_preload(each) ? std::strlen(each) : 0;
  }
  return length;
}

// The environment with what has the library loaded: `into` has room for three entries more, `preload` for its text.
char* const* with_library(const char* const* environment, char** into, char* preload) noexcept {
  std::strcpy(preload, own_preload.data());
  std::size_t count = 0;
  for (const char* each : std::span(environment, count_of(environment))) {
    if (is_preload(each)) {
      std::strcat(std::strcat(preload, ":"), each + preload_variable.size());
    } else {
      into[count++] = const_cast<char*>(each);
    }
  }
  into[count++] = preload;
  into[count++] = own_memory.data();
  into[count] = nullptr;
  return into;
}

constinit real_function<int(const char*, char* const*, char* const*)> real_execve{"execve"};
constinit real_function<int(const char*, char* const*, char* const*)> real_execvpe{"execvpe"};
constinit real_function<int(int, char* const*, char* const*)> real_fexecve{"fexecve"};
constinit real_function<int(int, const char*, char* const*, char* const*, int)> real_execveat{"execveat"};

// With memory of the stack alone: a handler of signals may execute a program, too.
template <class Execute>
[[gnu::noinline]] int execute(char* const* environment, Execute really) noexcept {
  if (!comes_back(environment)) {
    return really(environment);
  }
  auto** entries = static_cast<char**>(alloca((count_of(environment) + 3) * sizeof(char*)));
  auto* preload = static_cast<char*>(alloca(preload_length(environment)));
  return really(with_library(environment, entries, preload));
}

int execute_file(const char* path, char* const* arguments, char* const* environment) noexcept {
  return execute(environment, [&](char* const* given) { return real_execve.get()(path, arguments, given); });
}

int execute_by_name(const char* name, char* const* arguments, char* const* environment) noexcept {
  return execute(environment, [&](char* const* given) { return real_execvpe.get()(name, arguments, given); });
}

}  // namespace

void take_library_out_of_environment() noexcept {
  const char* memory = ::getenv(watched_loops_variable);
  char* preload = ::getenv("LD_PRELOAD");
  if (memory == nullptr || preload == nullptr) {
    return;
  }
  const std::size_t name = std::strlen(watched_loops_variable) + 1;
  if (name + std::strlen(memory) < own_memory.size()) {
    std::strcpy(own_memory.data(), memory - name);
    leave_others(preload - preload_variable.size());
  }
  ::unsetenv(watched_loops_variable);
}

}  // namespace whorl::detail

namespace guard = whorl::detail;

// NOLINTBEGIN(cert-dcl50-cpp,modernize-avoid-variadic-functions)
// The arguments that follow each other up to a null, and then perhaps an environment.
#define WHORL_LISTED_ARGUMENTS(first)                                          \
  va_list rest;                                                                \
  va_start(rest, first);                                                       \
  std::size_t count = 1;                                                       \
  while (va_arg(rest, char*) != nullptr) {                                     \
    ++count;                                                                   \
  }                                                                            \
  va_end(rest);                                                                \
  auto** arguments = static_cast<char**>(alloca((count + 1) * sizeof(char*))); \
  va_start(rest, first);                                                       \
  arguments[0] = const_cast<char*>(first);                                     \
  for (std::size_t i = 1; i <= count; ++i) {                                   \
    arguments[i] = va_arg(rest, char*);                                        \
  }

#define WHORL_PRELOADED extern "C" __attribute__((visibility("default")))

WHORL_PRELOADED int execve(const char* path, char* const* arguments, char* const* environment) noexcept {
  return guard::execute_file(path, arguments, environment);
}

WHORL_PRELOADED int execv(const char* path, char* const* arguments) noexcept {
  return guard::execute_file(path, arguments, environ);
}

WHORL_PRELOADED int execvp(const char* name, char* const* arguments) noexcept {
  return guard::execute_by_name(name, arguments, environ);
}

WHORL_PRELOADED int execvpe(const char* name, char* const* arguments, char* const* environment) noexcept {
  return guard::execute_by_name(name, arguments, environment);
}

WHORL_PRELOADED int fexecve(int file, char* const* arguments, char* const* environment) noexcept {
  return guard::execute(environment,
                        [&](char* const* given) { return guard::real_fexecve.get()(file, arguments, given); });
}

WHORL_PRELOADED int execveat(int folder, const char* path, char* const* arguments, char* const* environment,
                             int flags) noexcept {
  return guard::execute(environment, [&](char* const* given) {
    return guard::real_execveat.get()(folder, path, arguments, given, flags);
  });
}

WHORL_PRELOADED int execl(const char* path, const char* first, ...) noexcept {
  WHORL_LISTED_ARGUMENTS(first)
  va_end(rest);
  return guard::execute_file(path, arguments, environ);
}

WHORL_PRELOADED int execlp(const char* name, const char* first, ...) noexcept {
  WHORL_LISTED_ARGUMENTS(first)
  va_end(rest);
  return guard::execute_by_name(name, arguments, environ);
}

WHORL_PRELOADED int execle(const char* path, const char* first, ...) noexcept {
  WHORL_LISTED_ARGUMENTS(first)
  char* const* const environment = va_arg(rest, char* const*);
  va_end(rest);
  return guard::execute_file(path, arguments, environment);
}
// NOLINTEND(cert-dcl50-cpp,modernize-avoid-variadic-functions)

#include "calls/real_function.h"

#include <dlfcn.h>
#include <unistd.h>
#include <whorl/guard/waiting_call.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace whorl::calls {

namespace {

// Written with nothing that is wrapped, or allocates: this may be long before main.
[[noreturn]] void give_up(std::string_view name) noexcept {
  std::array<char, 200> text{};
  constexpr std::string_view says =
      "whorl: the C library has no function of this name, though a wrapper stands for it: ";
  std::memcpy(text.data(), says.data(), says.size());
  const std::size_t length = std::min(name.size(), text.size() - says.size() - 1);
  std::memcpy(text.data() + says.size(), name.data(), length);
  text[says.size() + length] = '\n';
  [[maybe_unused]] const long ignored = ::syscall(1 /* write */, STDERR_FILENO, text.data(), says.size() + length + 1);
  std::abort();
}

}  // namespace

void* find_real(const char* name) noexcept {
  const unobserved quiet;
  void* found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    give_up(name);
  }
  return found;
}

}  // namespace whorl::calls

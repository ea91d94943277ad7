// The C library's own function behind a wrapper of the same name.
//
// Thread: any; also before the program's constructors have run.
// Source: dlsym(3), RTLD_NEXT.
#pragma once

#include <atomic>
#include <type_traits>

namespace whorl::calls {

// Aborts with a sentence if there is none.
void* find_real(const char* name) noexcept;

template <class Function>
class real_function;

template <class Result, class... Arguments>
class real_function<Result(Arguments...)> {
 public:
  using pointer = Result (*)(Arguments...);

  consteval explicit real_function(const char* name) noexcept : name_(name) {}

  pointer get() noexcept {
    const pointer known = found_.load(std::memory_order_relaxed);
    return known != nullptr ? known : find();
  }

  pointer find() noexcept {
    const auto found = reinterpret_cast<pointer>(find_real(name_));
    found_.store(found, std::memory_order_relaxed);
    return found;
  }

 private:
  const char* name_;
  std::atomic<pointer> found_{nullptr};
};

}  // namespace whorl::calls

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

#ifdef WHORL_KEEP_FRAME_POINTER
  // The same, in a frame from which a walk of this thread's stack goes on, though it sleeps and is seen from outside: what
  // only makes a system call leaves the frame pointer in its register, which nobody can read then.
  class in_a_frame {
   public:
    explicit in_a_frame(pointer function) noexcept : function_(function) {}
    [[gnu::noinline]] Result operator()(Arguments... arguments) const {
      if constexpr (std::is_void_v<Result>) {
        function_(arguments...);
        WHORL_KEEP_FRAME_POINTER;
      } else {
        const Result result = function_(arguments...);
        WHORL_KEEP_FRAME_POINTER;
        return result;
      }
    }

   private:
    pointer function_;
  };
  in_a_frame traceable() noexcept { return in_a_frame(get()); }
#else
  pointer traceable() noexcept { return get(); }
#endif

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

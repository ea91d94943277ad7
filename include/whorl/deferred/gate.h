// A gate counts work in progress, so that an owner can close and wait until it has drained.
//
// Thread:   belongs to one loop; every member must be called on it.
// Lifetime: destroying a gate with work inside aborts the program and names the work: the owner has to await close().
#pragma once

#include <whorl/deferred/waiting_line.h>

#include <cstddef>
#include <string_view>
#include <utility>

namespace whorl {

class gate {
 public:
  // Work in progress for as long as it lives.
  class [[nodiscard]] pass {
   public:
    pass(pass&& other) noexcept;
    pass& operator=(pass&& other) noexcept;
    ~pass();

   private:
    friend class gate;
    pass(gate& inside, std::string_view who) noexcept;
    void leave() noexcept;
    void link() noexcept;
    void unlink() noexcept;
    gate* inside_;
    std::string_view who_;
    pass* before_ = nullptr;
    pass* behind_ = nullptr;
  };

  gate() = default;
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  ~gate();

  // Registers one piece of work. `who` names it, in text that outlives the pass.
  // Fails: errc::closed after close().
  [[nodiscard]] result<pass> enter(std::string_view who);

  // Refuses new work from now on. Fires when the last pass is gone.
  // Cancel: stops the waiting, not the closing.
  [[nodiscard]] deferred<void> close();

  bool closed() const noexcept { return closed_; }
  std::size_t inside() const noexcept { return inside_; }

 private:
  bool closed_ = false;
  std::size_t inside_ = 0;
  pass* first_ = nullptr;
  waiting_line<void> closers_;
};

}  // namespace whorl

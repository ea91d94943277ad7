// A wire is what one of a child's descriptors is connected with.
//
// A child has exactly the descriptors that its command wires (S102); 0, 1 and 2 are pipes where nothing else is said.
//
// Thread: a value.
#pragma once

#include <cstdint>

namespace whorl::process {

class wire {
 public:
  enum class kind : std::uint8_t { to_child, from_child, null, inherited, same_as, terminal, closed };

  static constexpr wire to_child() noexcept { return {kind::to_child, -1}; }      // a pipe: we write, the child reads
  static constexpr wire from_child() noexcept { return {kind::from_child, -1}; }  // a pipe: the child writes, we read
  static constexpr wire null() noexcept { return {kind::null, -1}; }              // /dev/null
  static constexpr wire inherited(int fd) noexcept { return {kind::inherited, fd}; }  // ours; open until it is spawned
  static constexpr wire same_as(int child_fd) noexcept { return {kind::same_as, child_fd}; }  // a copy: 2>&1
  static constexpr wire terminal() noexcept { return {kind::terminal, -1}; }                  // see command::terminal
  static constexpr wire closed() noexcept { return {kind::closed, -1}; }                      // not even a 0, 1 or 2

  constexpr kind what() const noexcept { return kind_; }
  constexpr int fd() const noexcept { return fd_; }  // of inherited and same_as

 private:
  constexpr wire(kind what, int fd) noexcept : fd_(fd), kind_(what) {}

  int fd_;
  kind kind_;
};

struct terminal_size {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

}  // namespace whorl::process

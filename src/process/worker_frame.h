// What a pool and a worker process say to each other: frames over two pipes, and memory that both share, a memfd, for
// what is too large to go through a pipe.
//
//   pool -> worker   descriptor 3   call: the function's name, then its packed arguments
//   worker -> pool   descriptor 4   ready, once; then done or failed for each call, with the packed result or error
//   both             descriptor 5   the shared memory
//
// One call is underway at a time, so one piece of memory serves both ways. Its size is sealed when it is made: a worker
// that lies about sizes, or an orphan of its that still writes there, can spoil the bytes of its own answer, nothing else.
//
// Thread: any.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/reactor/unique_fd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whorl::process {

inline constexpr int requests_fd = 3;
inline constexpr int answers_fd = 4;
inline constexpr int memory_fd = 5;

// In a process's environment: it was started as a worker.
inline constexpr const char* asked_to_work = "WHORL_PROCESS_WORKER";

inline constexpr std::uint32_t frame_mark = 0x6c726f77;
inline constexpr std::size_t most_bytes_in_pipe = 32768;

enum class frame_kind : std::uint32_t { ready = 1, call, done, failed };

struct frame_header {
  std::uint32_t mark = frame_mark;
  frame_kind kind = frame_kind::ready;
  std::uint64_t serial = 0;  // an answer has its call's
  std::uint64_t name_bytes = 0;
  std::uint64_t payload_bytes = 0;  // above most_bytes_in_pipe they are in the memory
  std::uint64_t resident_bytes = 0;
  std::int64_t cpu_limit_nanoseconds = 0;  // 0: none

  // How many bytes follow in the pipe.
  std::size_t bytes_in_pipe() const noexcept {
    return name_bytes + (payload_bytes > most_bytes_in_pipe ? 0 : payload_bytes);
  }
};

// The header, the name, and a payload that is small enough.
std::string frame_of(frame_header header, std::string_view name, std::string_view payload);
frame_header header_of(std::string_view bytes) noexcept;  // at least sizeof(frame_header)

class shared_memory {
 public:
  // Fails: what the kernel says.
  static result<shared_memory> make(std::size_t bytes);
  explicit shared_memory(unique_fd fd) noexcept : fd_(std::move(fd)) {}

  int fd() const noexcept { return fd_.get(); }
  std::size_t size() const noexcept;

  // Copies: what another process may change meanwhile is never looked at in place.
  result<void> write(std::string_view bytes) const;
  result<std::string> read(std::size_t bytes) const;
  // Gives the memory back that much was written to.
  void release(std::size_t bytes) const noexcept;

 private:
  unique_fd fd_;
};

// An error for the other side, and back. Codes of categories that are not whorl's, the kernel's or the standard's arrive
// as errc::exception.
std::string pack_error(const error& why);
error unpack_error(std::string_view packed);

}  // namespace whorl::process

// A uring is an io_uring: two rings in memory that is shared with the kernel, requests one way, completions the other.
//
// This file and its source are the only ones that set up, submit, wait and register. They use the system calls
// themselves: Debian 12's liburing 2.3 knows neither the constants nor the features of the kernels that we run on, and
// what we need of it is a page.
//
// Thread: the one that opened it, for everything (IORING_SETUP_SINGLE_ISSUER).
// Source: io_uring_setup(2), io_uring_enter(2), io_uring_register(2), io_uring(7).
#pragma once

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <whorl/deferred/error.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/unique_fd.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace whorl {

// What newer kernels than Debian 12's headers know.
inline constexpr unsigned uring_enter_no_iowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT, Linux 6.15
inline constexpr unsigned uring_feature_no_iowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT
inline constexpr unsigned uring_buffers_incremental = 2;       // IOU_PBUF_RING_INC, Linux 6.12
inline constexpr unsigned uring_buffer_has_more = 1U << 4;     // IORING_CQE_F_BUF_MORE

// Memory from mmap(2).
class mapping {
 public:
  mapping() noexcept = default;
  // Private memory, its pages present. Throws std::bad_alloc.
  explicit mapping(std::size_t bytes);
  // Memory shared with the kernel. Empty if it cannot be had, with errno.
  mapping(int fd, std::size_t bytes, std::size_t offset) noexcept;
  mapping(mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  mapping& operator=(mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~mapping();

  std::byte* data() const noexcept { return data_; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// How many entries its two rings have, powers of two. A turn rarely makes more requests than this; when it does, it
// submits more than once. The completions are those of a turn over a few thousand busy connections; when more come, the
// kernel keeps the rest for later, but ends the multishot requests concerned, which costs requests to start them again.
struct uring_size {
  unsigned requests = 512;
  unsigned completions = 8192;
};

class uring {
 public:
  // Fails: errc::unsupported, with the reason and what to do, where the kernel is too old (Linux 6.1 is needed) or
  // forbids io_uring; the kernel's error if a descriptor or memory is lacking.
  static result<uring> open(uring_size size = {});

  // A cleared entry for the next request; its user_data is 0. Submits when the ring is full.
  io_uring_sqe& next_entry() noexcept;

  bool has_unsubmitted() const noexcept { return prepared_ != submitted(); }

  // Hands all that was prepared to the kernel, which completes at once what it can. Does not wait.
  void submit() noexcept { enter(0, nullptr); }

  // Sleeps until there are completions, a signal came, or `limit` has passed.
  void wait(std::optional<duration> limit) noexcept;

  bool has_completions() const noexcept { return taken_ != completed(); }

  // Calls take(const io_uring_cqe&) with each completion that is there now.
  template <class Take>
  void take_completions(Take take) noexcept {
    for (const unsigned end = completed(); taken_ != end; ++taken_) {
      take(completions_[taken_ & completion_mask_]);
    }
    std::atomic_ref(*completion_head_).store(taken_, std::memory_order_release);
  }

  // 0 or an errno. Fails: EINVAL also for what this kernel does not know.
  int register_buffers(io_uring_buf_reg& what) noexcept;

 private:
  // The number under which the thread knows the ring; entering by it spares the kernel a look-up. One ring a thread
  // and more than it has room for go without.
  class registration {
   public:
    registration() noexcept = default;
    explicit registration(int fd) noexcept;
    registration(registration&& other) noexcept;
    registration& operator=(registration&& other) noexcept;
    ~registration();
    bool valid() const noexcept { return index_ >= 0; }
    int index() const noexcept { return index_; }

   private:
    int fd_ = -1;
    int index_ = -1;
  };

  uring() noexcept = default;
  bool map(const io_uring_params& parameters) noexcept;
  void enter(unsigned completions, const io_uring_getevents_arg* limit) noexcept;

  unsigned submitted() const noexcept { return std::atomic_ref(*submission_head_).load(std::memory_order_acquire); }
  unsigned completed() const noexcept { return std::atomic_ref(*completion_tail_).load(std::memory_order_acquire); }

  unique_fd fd_;
  mapping rings_;
  mapping entries_;
  registration registered_;
  unsigned enter_flags_ = 0;

  std::span<io_uring_sqe> submissions_;
  unsigned* submission_head_ = nullptr;
  unsigned* submission_tail_ = nullptr;
  unsigned prepared_ = 0;

  std::span<io_uring_cqe> completions_;
  unsigned* completion_head_ = nullptr;
  unsigned* completion_tail_ = nullptr;
  unsigned completion_mask_ = 0;
  unsigned taken_ = 0;
};

}  // namespace whorl

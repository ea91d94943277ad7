#include "reactor/uring_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <numeric>
#include <string>
#include <utility>

namespace whorl {

namespace {

constexpr unsigned needed_features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                                     IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;

int set_up(unsigned requests, io_uring_params& parameters) noexcept {
  return static_cast<int>(::syscall(SYS_io_uring_setup, requests, &parameters));
}

int register_with(int fd, unsigned what, void* argument, unsigned count) noexcept {
  return static_cast<int>(::syscall(SYS_io_uring_register, fd, what, argument, count));
}

error refusal(int error_number) {
  switch (error_number) {
    case ENOSYS:
    case EPERM:
    case EACCES:
      return error(errc::unsupported,
                   "set io_uring up: this kernel or container forbids it (" + std::string(std::strerror(error_number)) +
                       "); allow it (sysctl kernel.io_uring_disabled=0, or the container's seccomp profile) or use "
                       "WHORL_BACKEND=epoll");
    case EINVAL:
      return error(errc::unsupported,
                   "set io_uring up: this kernel is too old, Linux 6.1 is needed; use WHORL_BACKEND=epoll");
    default: return error::system(error_number, "set io_uring up");
  }
}

__kernel_timespec timespec_of(duration limit) noexcept {
  const auto nanoseconds = limit.count();
  return {.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
}

}  // namespace

mapping::mapping(std::size_t bytes) {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (data == MAP_FAILED) {
    throw std::bad_alloc();
  }
  data_ = static_cast<std::byte*>(data);
  bytes_ = bytes;
}

mapping::mapping(int fd, std::size_t bytes, std::size_t offset) noexcept {
  void* data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
  if (data != MAP_FAILED) {
    data_ = static_cast<std::byte*>(data);
    bytes_ = bytes;
  }
}

mapping::~mapping() {
  if (data_ != nullptr) {
    ::munmap(data_, bytes_);
  }
}

uring::registration::registration(int fd) noexcept {
  io_uring_rsrc_update update{};
  update.offset = ~0U;
  update.data = static_cast<std::uint64_t>(fd);
  if (register_with(fd, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
    fd_ = fd;
    index_ = static_cast<int>(update.offset);
  }
}

uring::registration::registration(registration&& other) noexcept
    : fd_(other.fd_), index_(std::exchange(other.index_, -1)) {}

uring::registration& uring::registration::operator=(registration&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(index_, other.index_);
  return *this;
}

uring::registration::~registration() {
  if (valid()) {
    io_uring_rsrc_update update{};
    update.offset = static_cast<unsigned>(index_);
    register_with(fd_, IORING_UNREGISTER_RING_FDS, &update, 1);
  }
}

result<uring> uring::open(uring_size size) {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                     IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  parameters.cq_entries = size.completions;
  uring made;
  made.fd_ = unique_fd(set_up(size.requests, parameters));
  if (!made.fd_) {
    return std::unexpected(refusal(errno));
  }
  if ((parameters.features & needed_features) != needed_features) {
    return std::unexpected(refusal(EINVAL));
  }
  if (!made.map(parameters)) {
    return std::unexpected(refusal(errno));
  }
  made.registered_ = registration(made.fd_.get());
  made.enter_flags_ = IORING_ENTER_GETEVENTS;
  if (made.registered_.valid()) {
    made.enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  }
  // Or an idle loop would be shown as a processor that waits for a disk.
  if ((parameters.features & uring_feature_no_iowait) != 0) {
    made.enter_flags_ |= uring_enter_no_iowait;
  }
  return made;
}

bool uring::map(const io_uring_params& parameters) noexcept {
  const io_sqring_offsets& submission = parameters.sq_off;
  const io_cqring_offsets& completion = parameters.cq_off;
  rings_ = mapping(fd_.get(),
                   std::max(submission.array + parameters.sq_entries * sizeof(unsigned),
                            completion.cqes + parameters.cq_entries * sizeof(io_uring_cqe)),
                   IORING_OFF_SQ_RING);
  entries_ = mapping(fd_.get(), parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (!rings_ || !entries_) {
    return false;
  }
  const auto at = [this](unsigned offset) { return reinterpret_cast<unsigned*>(rings_.data() + offset); };
  submissions_ = {reinterpret_cast<io_uring_sqe*>(entries_.data()), parameters.sq_entries};
  submission_head_ = at(submission.head);
  submission_tail_ = at(submission.tail);
  completions_ = {reinterpret_cast<io_uring_cqe*>(rings_.data() + completion.cqes), parameters.cq_entries};
  completion_head_ = at(completion.head);
  completion_tail_ = at(completion.tail);
  completion_mask_ = parameters.cq_entries - 1;
  std::iota(at(submission.array), at(submission.array) + parameters.sq_entries, 0U);
  return true;
}

io_uring_sqe& uring::next_entry() noexcept {
  while (prepared_ - submitted() == submissions_.size()) {
    submit();
  }
  io_uring_sqe& entry = submissions_[prepared_++ & (submissions_.size() - 1)];
  entry = io_uring_sqe{};
  return entry;
}

void uring::wait(std::optional<duration> limit) noexcept {
  if (!limit) {
    enter(1, nullptr);
    return;
  }
  if (*limit <= duration::zero()) {
    enter(0, nullptr);
    return;
  }
  const __kernel_timespec time = timespec_of(*limit);
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uint64_t>(&time);
  enter(1, &argument);
}

// What comes back needs no look: what was not submitted still stands in the ring, a signal or a limit ends the wait,
// and completions that found no room come with the next call.
void uring::enter(unsigned completions, const io_uring_getevents_arg* limit) noexcept {
  std::atomic_ref(*submission_tail_).store(prepared_, std::memory_order_release);
  const int fd = registered_.valid() ? registered_.index() : fd_.get();
  const unsigned flags = enter_flags_ | (limit != nullptr ? unsigned{IORING_ENTER_EXT_ARG} : 0U);
  ::syscall(SYS_io_uring_enter, fd, prepared_ - submitted(), completions, flags, limit,
            limit != nullptr ? sizeof *limit : 0);
}

int uring::register_buffers(io_uring_buf_reg& what) noexcept {
  return register_with(fd_.get(), IORING_REGISTER_PBUF_RING, &what, 1) == 0 ? 0 : errno;
}

}  // namespace whorl

// The system calls that can wait, and when each does.
//
// Source: the manual page of each, section 2; futex(2), io_uring_enter(2).
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace whorl::detail {

// What decides whether a call waits.
enum class waits_unless : std::uint8_t {
  non_blocking,     // the descriptor in the first argument is, or is of what never waits
  no_file,          // the descriptor in the first argument is of no file
  flag,             // the argument has the flag
  message_flag,     // that, or the descriptor is non-blocking
  no_milliseconds,  // the argument is 0
  no_time,          // the argument points to a time of nothing; where it is null, it waits without limit
  never,            // it waits
  file,             // so too, but for a file system
  futex_wakes,      // it is a futex's other operation
  no_lock_wait,     // it is another command of fcntl
  no_completions,   // it asks io_uring for none
  not_known,        // it may, and its arguments do not say when
};

struct known_system_call {
  long number;
  std::string_view name;  // of the function in C
  waits_unless unless;
  std::uint8_t argument = 0;  // counted from 0
  std::uint32_t flag = 0;

  // Whether the first argument is a descriptor.
  bool has_descriptor() const noexcept {
    using enum waits_unless;
    return unless == non_blocking || unless == no_file || unless == message_flag || unless == no_lock_wait ||
           unless == no_completions || name == "flock" || name == "ioctl" || name == "epoll_wait" || name == "fsync" ||
           name == "fdatasync";
  }
};

inline constexpr known_system_call waiting_system_calls[] = {
    {SYS_read, "read", waits_unless::non_blocking},
    {SYS_readv, "readv", waits_unless::non_blocking},
    {SYS_pread64, "pread", waits_unless::non_blocking},
    {SYS_preadv, "preadv", waits_unless::non_blocking},
    {SYS_preadv2, "preadv2", waits_unless::non_blocking},
    {SYS_write, "write", waits_unless::non_blocking},
    {SYS_writev, "writev", waits_unless::non_blocking},
    {SYS_pwrite64, "pwrite", waits_unless::non_blocking},
    {SYS_pwritev, "pwritev", waits_unless::non_blocking},
    {SYS_pwritev2, "pwritev2", waits_unless::non_blocking},
    {SYS_sendfile, "sendfile", waits_unless::non_blocking},
    {SYS_splice, "splice", waits_unless::non_blocking},
    {SYS_accept, "accept", waits_unless::non_blocking},
    {SYS_accept4, "accept4", waits_unless::non_blocking},
    {SYS_connect, "connect", waits_unless::non_blocking},
    {SYS_recvfrom, "recv", waits_unless::message_flag, 3, MSG_DONTWAIT},
    {SYS_recvmsg, "recvmsg", waits_unless::message_flag, 2, MSG_DONTWAIT},
    {SYS_recvmmsg, "recvmmsg", waits_unless::message_flag, 3, MSG_DONTWAIT},
    {SYS_sendto, "send", waits_unless::message_flag, 3, MSG_DONTWAIT},
    {SYS_sendmsg, "sendmsg", waits_unless::message_flag, 2, MSG_DONTWAIT},
    {SYS_sendmmsg, "sendmmsg", waits_unless::message_flag, 3, MSG_DONTWAIT},
    {SYS_close, "close", waits_unless::no_file},
    {SYS_wait4, "wait4", waits_unless::flag, 2, WNOHANG},
    {SYS_waitid, "waitid", waits_unless::flag, 3, WNOHANG},
    {SYS_flock, "flock", waits_unless::flag, 1, LOCK_NB},
    {SYS_msgrcv, "msgrcv", waits_unless::flag, 4, IPC_NOWAIT},
    {SYS_msgsnd, "msgsnd", waits_unless::flag, 3, IPC_NOWAIT},
    {SYS_semop, "semop", waits_unless::never},
    {SYS_semtimedop, "semtimedop", waits_unless::no_time, 3},
    {SYS_mq_timedreceive, "mq_timedreceive", waits_unless::non_blocking},
    {SYS_mq_timedsend, "mq_timedsend", waits_unless::non_blocking},
    {SYS_nanosleep, "nanosleep", waits_unless::no_time, 0},
    {SYS_clock_nanosleep, "clock_nanosleep", waits_unless::no_time, 2},
    {SYS_ppoll, "poll", waits_unless::no_time, 2},
    {SYS_pselect6, "select", waits_unless::no_time, 4},
    {SYS_epoll_pwait, "epoll_wait", waits_unless::no_milliseconds, 3},
    {SYS_epoll_pwait2, "epoll_wait", waits_unless::no_time, 3},
    {SYS_rt_sigtimedwait, "sigtimedwait", waits_unless::no_time, 2},
    {SYS_rt_sigsuspend, "sigsuspend", waits_unless::never},
    {SYS_futex, "futex", waits_unless::futex_wakes},
    {SYS_fcntl, "fcntl", waits_unless::no_lock_wait},
    {SYS_io_uring_enter, "io_uring_enter", waits_unless::no_completions},
    {SYS_ioctl, "ioctl", waits_unless::not_known},
    {SYS_getrandom, "getrandom", waits_unless::not_known},
    {SYS_openat, "open", waits_unless::file},
    {SYS_openat2, "openat2", waits_unless::file},
    {SYS_statx, "statx", waits_unless::file},
    {SYS_faccessat, "faccessat", waits_unless::file},
    {SYS_faccessat2, "faccessat", waits_unless::file},
    {SYS_readlinkat, "readlinkat", waits_unless::file},
    {SYS_getdents64, "readdir", waits_unless::file},
    {SYS_mkdirat, "mkdirat", waits_unless::file},
    {SYS_unlinkat, "unlinkat", waits_unless::file},
    {SYS_renameat2, "renameat2", waits_unless::file},
    {SYS_linkat, "linkat", waits_unless::file},
    {SYS_symlinkat, "symlinkat", waits_unless::file},
    {SYS_fchmodat, "fchmodat", waits_unless::file},
    {SYS_fchownat, "fchownat", waits_unless::file},
    {SYS_utimensat, "utimensat", waits_unless::file},
    {SYS_truncate, "truncate", waits_unless::file},
    {SYS_ftruncate, "ftruncate", waits_unless::file},
    {SYS_fallocate, "fallocate", waits_unless::file},
    {SYS_copy_file_range, "copy_file_range", waits_unless::file},
    {SYS_fsync, "fsync", waits_unless::file},
    {SYS_fdatasync, "fdatasync", waits_unless::file},
    {SYS_sync, "sync", waits_unless::file},
    {SYS_syncfs, "syncfs", waits_unless::file},
    {SYS_sync_file_range, "sync_file_range", waits_unless::file},
    {SYS_msync, "msync", waits_unless::file},
    {SYS_statfs, "statfs", waits_unless::file},
#if defined(SYS_newfstatat)
    {SYS_newfstatat, "fstatat", waits_unless::file},
#endif
#if defined(SYS_poll)  // those that newer machines do without
    {SYS_poll, "poll", waits_unless::no_milliseconds, 2},
    {SYS_select, "select", waits_unless::no_time, 4},
    {SYS_epoll_wait, "epoll_wait", waits_unless::no_milliseconds, 3},
    {SYS_pause, "pause", waits_unless::never},
    {SYS_open, "open", waits_unless::file},
    {SYS_creat, "creat", waits_unless::file},
    {SYS_stat, "stat", waits_unless::file},
    {SYS_lstat, "lstat", waits_unless::file},
    {SYS_access, "access", waits_unless::file},
    {SYS_readlink, "readlink", waits_unless::file},
    {SYS_getdents, "readdir", waits_unless::file},
    {SYS_mkdir, "mkdir", waits_unless::file},
    {SYS_rmdir, "rmdir", waits_unless::file},
    {SYS_unlink, "unlink", waits_unless::file},
    {SYS_rename, "rename", waits_unless::file},
    {SYS_link, "link", waits_unless::file},
    {SYS_symlink, "symlink", waits_unless::file},
    {SYS_chmod, "chmod", waits_unless::file},
    {SYS_chown, "chown", waits_unless::file},
#endif
};

// Null: it is none of them. Async-signal-safe.
inline const known_system_call* find_waiting_system_call(long number) noexcept {
  const auto* found = std::ranges::find(waiting_system_calls, number, &known_system_call::number);
  return found == std::end(waiting_system_calls) ? nullptr : found;
}

}  // namespace whorl::detail

#include "reactor/sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "reactor/real_time_exempt.h"

namespace whorl {

namespace {

constexpr int stream_type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

const char* path_of(const address& at) noexcept { return reinterpret_cast<const sockaddr_un*>(at.raw())->sun_path; }

unique_fd open_null() noexcept {
  const detail::real_time_exempt because("/dev/null is in memory");
  return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void switch_on(int fd, int level, int option) noexcept {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

std::string_view listen_hint(int error_number, const address& at) {
  const bool unix_socket = at.family() == AF_UNIX;
  switch (error_number) {
    case EADDRINUSE:
      return unix_socket
                 ? "another program listens on this socket, or the file is no socket: stop it or choose another path"
                 : "another program listens there: stop it, or choose another port (0 lets the kernel choose)";
    case EACCES:
      return unix_socket ? "the directory does not let this user create a socket: choose another path"
                         : "ports below 1024 need CAP_NET_BIND_SERVICE: use a higher port or grant the capability";
    case EADDRNOTAVAIL: return "this host has no such address: tcp:*:PORT listens on all that it has";
    case ENOENT: return "the directory of the socket does not exist: create it or choose another path";
    case EMFILE: return "the process has no descriptors left: raise its limit (ulimit -n)";
    default: return "";
  }
}

error listen_error(int error_number, const address& at) {
  return error::system(error_number, fmt::format("listen \"{}\"", at.to_string()),
                       std::string(listen_hint(error_number, at)));
}

// A socket file stays behind when its listener was killed; then connecting is refused.
bool nobody_listens_on(const address& at) noexcept {
  struct stat file{};
  if (::lstat(path_of(at), &file) != 0 || !S_ISSOCK(file.st_mode)) {
    return false;
  }
  const detail::real_time_exempt because("the socket is non-blocking");
  const unique_fd probe(::socket(AF_UNIX, stream_type, 0));
  return probe && ::connect(probe.get(), at.raw(), at.raw_bytes()) != 0 && errno == ECONNREFUSED;
}

// 0 or an errno.
int bind_socket(int fd, const address& at) noexcept {
  if (::bind(fd, at.raw(), at.raw_bytes()) == 0) {
    return 0;
  }
  if (errno != EADDRINUSE || at.family() != AF_UNIX) {
    return errno;
  }
  if (!nobody_listens_on(at)) {
    return EADDRINUSE;
  }
  ::unlink(path_of(at));
  return ::bind(fd, at.raw(), at.raw_bytes()) == 0 ? 0 : errno;
}

using name_function = int (*)(int, sockaddr*, socklen_t*);

address name_of(int fd, name_function ask) noexcept {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) {
    return {};
  }
  return address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), bytes);
}

}  // namespace

unix_socket_file::unix_socket_file(std::string path) : path_(std::move(path)) {
  struct stat file{};
  if (::lstat(path_.c_str(), &file) != 0) {
    path_.clear();
  }
  device_ = file.st_dev;
  inode_ = file.st_ino;
}

unix_socket_file::unix_socket_file(unix_socket_file&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

unix_socket_file& unix_socket_file::operator=(unix_socket_file&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

unix_socket_file::~unix_socket_file() {
  struct stat file{};
  if (!path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

result<listening_socket> open_listening_socket(const address& at, const listen_options& options) {
  listening_socket opened;
  opened.fd = unique_fd(::socket(at.family(), stream_type, 0));
  if (!opened.fd) {
    return std::unexpected(listen_error(errno, at));
  }
  switch_on(opened.fd.get(), SOL_SOCKET, SO_REUSEADDR);
  set_stream_options(opened.fd.get());  // inherited by what it accepts (tcp(7))
  if (options.reuse_port) {
    switch_on(opened.fd.get(), SOL_SOCKET, SO_REUSEPORT);
  }
  if (const int failed = bind_socket(opened.fd.get(), at); failed != 0) {
    return std::unexpected(listen_error(failed, at));
  }
  if (at.family() == AF_UNIX) {
    opened.file = unix_socket_file(path_of(at));
    // Before listen(2), so that nobody connects with other permissions.
    if (options.unix_mode != 0 && ::chmod(path_of(at), options.unix_mode) != 0) {
      return std::unexpected(listen_error(errno, at));
    }
  }
  if (::listen(opened.fd.get(), options.backlog) != 0) {
    return std::unexpected(listen_error(errno, at));
  }
  return opened;
}

result<unique_fd> open_stream_socket(const address& to) {
  unique_fd fd(::socket(to.family(), stream_type, 0));
  if (!fd) {
    return std::unexpected(error::system(errno, fmt::format("connect \"{}\"", to.to_string())));
  }
  set_stream_options(fd.get());
  return fd;
}

unique_fd accept_stream_socket(int listening_fd) noexcept {
  const detail::real_time_exempt because("the listening socket is non-blocking");
  return unique_fd(::accept4(listening_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

void set_stream_options(int fd) noexcept {
  switch_on(fd, IPPROTO_TCP, TCP_NODELAY);  // refused by a UNIX socket, which needs none
}

void set_reset_on_close(int fd) noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int take_socket_error(int fd) noexcept {
  int error_number = 0;
  socklen_t bytes = sizeof error_number;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &bytes) == 0 ? error_number : errno;
}

address local_address_of(int fd) noexcept { return name_of(fd, ::getsockname); }
address peer_address_of(int fd) noexcept { return name_of(fd, ::getpeername); }

accept_failure judge_accept_failure(int error_number) noexcept {
  switch (error_number) {
    case EAGAIN: return accept_failure::none_waiting;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return accept_failure::out_of_descriptors;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP: return accept_failure::broken;
    default:
      return accept_failure::peer_gone;  // accept(2): pending network errors of the new socket, ECONNABORTED, EINTR
  }
}

spare_descriptor::spare_descriptor() noexcept : fd_(open_null()) {}

int spare_descriptor::refuse_one(int listening_fd) noexcept {
  fd_.reset();
  unique_fd refused = accept_stream_socket(listening_fd);
  const int failed = refused ? 0 : errno;
  refused.reset();
  fd_ = open_null();
  return failed;
}

}  // namespace whorl

// Sockets as both kernel back ends make them: non-blocking, closed on exec, with the options that whorl gives them.
//
// Thread: any, but spare_descriptor and unix_socket_file belong to one.
// Source: socket(7), tcp(7), unix(7), accept(2).
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/reactor/address.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/unique_fd.h>

#include <sys/types.h>
#include <string>

namespace whorl {

// The file of a listening UNIX socket: removed when its owner dies, unless another file has taken its place.
class unix_socket_file {
 public:
  unix_socket_file() noexcept = default;
  explicit unix_socket_file(std::string path);
  unix_socket_file(unix_socket_file&& other) noexcept;
  unix_socket_file& operator=(unix_socket_file&& other) noexcept;
  ~unix_socket_file();

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct listening_socket {
  unique_fd fd;
  unix_socket_file file;  // of nothing for TCP
};

// Bound and listening, SO_REUSEADDR, SO_REUSEPORT if asked for. The file of a UNIX socket that nobody listens on any
// more is replaced.
// Fails: the kernel's error with the address and a hint.
result<listening_socket> open_listening_socket(const address& at, const listen_options& options);

// For connect(2). An errno is the error's code.
result<unique_fd> open_stream_socket(const address& to);

// One of the peers that wait at a non-blocking listening socket, or none and errno. Non-blocking too.
unique_fd accept_stream_socket(int listening_fd) noexcept;

// What every connected stream gets: TCP_NODELAY, because whorl gathers what a turn wrote by itself.
void set_stream_options(int fd) noexcept;

// Makes close(2) send a reset and drop what is unsent.
void set_reset_on_close(int fd) noexcept;

// The error that the socket holds, and clears it; 0 if none.
int take_socket_error(int fd) noexcept;

address local_address_of(int fd) noexcept;
address peer_address_of(int fd) noexcept;

// What an errno of accept4(2) asks for.
enum class accept_failure {
  none_waiting,        // EAGAIN: wait for the next event
  peer_gone,           // this one connection failed before it was accepted: go on with the next
  out_of_descriptors,  // EMFILE and its like: refuse the waiting peer with the spare descriptor (S95)
  broken,              // the listener itself is no good
};
accept_failure judge_accept_failure(int error_number) noexcept;

// One descriptor kept in reserve, so that a process that has run out can still accept a waiting peer and close it.
class spare_descriptor {
 public:
  spare_descriptor() noexcept;

  // Accepts and closes one peer. 0, or the errno of accept4: EAGAIN when nobody waits any more.
  int refuse_one(int listening_fd) noexcept;

 private:
  unique_fd fd_;
};

}  // namespace whorl

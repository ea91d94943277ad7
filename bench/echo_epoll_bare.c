// The limit that the epoll back end is measured against: an echo server that does only this. It prints its port and
// serves until its standard input ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { events_a_wait = 256, buffer_bytes = 65536 };

static char buffer[buffer_bytes];

static void die(const char* doing) {
  fprintf(stderr, "echo_epoll_bare: %s: %s\n", doing, strerror(errno));
  exit(1);
}

static void watch(int poller, int fd) {
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) != 0) die("watch a descriptor");
}

static int listen_on_loopback(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr*)&at, sizeof at) != 0) die("bind");
  if (listen(fd, 1024) != 0) die("listen");
  if (getsockname(fd, (struct sockaddr*)&at, &bytes) != 0) die("name the socket");
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

static void accept_all(int poller, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(poller, fd);
  }
}

// Waits where the peer does not read: a real server would queue.
static void send_all(int fd, const char* bytes, size_t count) {
  while (count > 0) {
    ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return;
    if (n > 0) {
      bytes += n;
      count -= (size_t)n;
    }
  }
}

static void echo(int fd) {
  ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  if (n > 0) {
    send_all(fd, buffer, (size_t)n);
  } else if (n == 0 || errno != EAGAIN) {
    close(fd);
  }
}

int main(void) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_on_loopback();
  watch(poller, listener);
  watch(poller, STDIN_FILENO);
  struct epoll_event ready[events_a_wait];
  for (;;) {
    int n = epoll_wait(poller, ready, events_a_wait, -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) {
        accept_all(poller, listener);
      } else {
        echo(fd);
      }
    }
  }
}

// The load of the echo benchmarks: connections that each have one message under way, for some seconds, and the CPU time
// that the server spent on a message meanwhile.
//
//     bench_echo_load PORT SERVER_PID CONNECTIONS MESSAGE_BYTES SECONDS
//
// Prints: messages, seconds, server CPU nanoseconds a message, messages a second. Every message is compared with what
// was sent.
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
#include <time.h>
#include <unistd.h>

enum { events_a_wait = 256 };

struct connection {
  int fd;
  size_t sent;
  size_t received;
};

static size_t message_bytes;
static char* message;
static char* scratch;
static uint64_t messages;

static void die(const char* doing) {
  fprintf(stderr, "echo_load: %s: %s\n", doing, strerror(errno));
  exit(1);
}

static int64_t read_clock(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) != 0) die("read the clock");
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// What the socket does not take now follows when the echo has made room: the server sends while we receive.
static void send_rest(struct connection* c) {
  while (c->sent < message_bytes) {
    ssize_t n = send(c->fd, message + c->sent, message_bytes - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) die("send");
    c->sent += (size_t)n;
  }
}

static void receive(struct connection* c) {
  ssize_t n = recv(c->fd, scratch, message_bytes - c->received, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n == 0) errno = ECONNRESET;
  if (n <= 0) die("receive");
  if (memcmp(scratch, message + c->received, (size_t)n) != 0) {
    fprintf(stderr, "echo_load: the echo differs from what was sent\n");
    exit(1);
  }
  c->received += (size_t)n;
  if (c->received == message_bytes) {
    c->sent = c->received = 0;
    messages++;
  }
  send_rest(c);
}

static void open_connection(struct connection* c, int poller, uint16_t port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("make a socket");
  int yes = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (connect(c->fd, (struct sockaddr*)&to, sizeof to) != 0) die("connect");
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &interest) != 0) die("watch a socket");
}

static void run_until(int poller, int64_t end) {
  struct epoll_event ready[events_a_wait];
  while (read_clock(CLOCK_MONOTONIC) < end) {
    int n = epoll_wait(poller, ready, events_a_wait, 1000);
    if (n == 0) {
      fprintf(stderr, "echo_load: no echo for a second\n");
      exit(1);
    }
    for (int i = 0; i < n; i++) receive(ready[i].data.ptr);
  }
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: %s PORT SERVER_PID CONNECTIONS MESSAGE_BYTES SECONDS\n", argv[0]);
    return 2;
  }
  uint16_t port = (uint16_t)atoi(argv[1]);
  int count = atoi(argv[3]);
  message_bytes = (size_t)atol(argv[4]);
  double seconds = atof(argv[5]);
  clockid_t server_cpu;
  errno = clock_getcpuclockid(atoi(argv[2]), &server_cpu);
  if (errno != 0) die("find the server's CPU clock");

  message = malloc(message_bytes);
  scratch = malloc(message_bytes);
  struct connection* connections = calloc((size_t)count, sizeof *connections);
  if (!message || !scratch || !connections) die("get memory");
  for (size_t i = 0; i < message_bytes; i++) message[i] = (char)(i * 31 + i / 251);

  int poller = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) open_connection(&connections[i], poller, port);
  for (int i = 0; i < count; i++) send_rest(&connections[i]);

  run_until(poller, read_clock(CLOCK_MONOTONIC) + 200000000);  // caches warm, windows open
  messages = 0;
  int64_t begin = read_clock(CLOCK_MONOTONIC);
  int64_t cpu_begin = read_clock(server_cpu);
  run_until(poller, begin + (int64_t)(seconds * 1e9));
  double cpu = (double)(read_clock(server_cpu) - cpu_begin);
  double elapsed = (double)(read_clock(CLOCK_MONOTONIC) - begin) / 1e9;
  printf("%llu %.3f %.1f %.0f\n", (unsigned long long)messages, elapsed, cpu / (double)messages,
         (double)messages / elapsed);
  return 0;
}

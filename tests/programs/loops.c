// Event loops in C, of libuv, libevent and poll, each with one callback that sleeps and one that computes; a server that
// forks before it has a loop, one with a thread or a child and a loop for each of its clients, and one in a container. Built
// with -DWITH_UV, -DWITH_EVENT, or neither; the argument says which.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_in_callback(void) { usleep(200 * 1000); }

static void compute_in_callback(void) {
  const clock_t until = clock() + CLOCKS_PER_SEC / 4;
  volatile unsigned long number = 0;
  while (clock() < until) {
    for (int i = 0; i < 100000; i++) number = number + 1;
  }
}

#ifdef WITH_UV
#include <uv.h>
static void uv_sleeps(uv_timer_t* timer) {
  (void)timer;
  sleep_in_callback();
}
static void uv_computes(uv_timer_t* timer) {
  (void)timer;
  compute_in_callback();
}
static int run_uv(void) {
  uv_timer_t first, second;
  uv_timer_init(uv_default_loop(), &first);
  uv_timer_init(uv_default_loop(), &second);
  uv_timer_start(&first, uv_sleeps, 20, 0);
  uv_timer_start(&second, uv_computes, 260, 0);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
#endif

#ifdef WITH_EVENT
#include <event2/event.h>
static void event_sleeps(evutil_socket_t fd, short what, void* none) {
  (void)fd, (void)what, (void)none;
  sleep_in_callback();
}
static void event_computes(evutil_socket_t fd, short what, void* none) {
  (void)fd, (void)what, (void)none;
  compute_in_callback();
}
static int run_event(void) {
  struct event_base* base = event_base_new();
  const struct timeval first = {0, 20 * 1000};
  const struct timeval second = {0, 260 * 1000};
  event_base_once(base, -1, EV_TIMEOUT, event_sleeps, NULL, &first);
  event_base_once(base, -1, EV_TIMEOUT, event_computes, NULL, &second);
  const int status = event_base_dispatch(base);
  event_base_free(base);
  return status < 0;
}
#endif

static int run_poll(void) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  for (int turn = 0; turn < 8; turn++) {
    struct pollfd wanted = {ends[0], POLLIN, 0};
    poll(&wanted, 1, 5);
    if (turn == 3) sleep_in_callback();
    if (turn == 5) compute_in_callback();
  }
  return 0;
}

// Nothing is wrong with it: it sleeps in its loop, waits with a time-out inside of a turn, and forks before its loop.
static int run_healthy(void) {
  const int quick = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  const pid_t child = fork();
  for (int turn = 0; turn < 5; turn++) {
    epoll_wait(quick, &event, 1, 80);
    poll(NULL, 0, 10);
  }
  if (child == 0) _exit(7);
  int status = 0;
  close(quick);  // the loop is over: whoever waits now holds nothing up
  waitpid(child, &status, 0);
  usleep(150 * 1000);
  return WEXITSTATUS(status);
}

// Its child has the loop that is held up.
static int run_forked(void) {
  const pid_t child = fork();
  if (child == 0) {
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event;
    epoll_wait(loop, &event, 1, 5);
    sleep_in_callback();
    epoll_wait(loop, &event, 1, 5);
    _exit(0);
  }
  return waitpid(child, NULL, 0) != child;
}

static void serve(int is_last) {
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  epoll_wait(loop, &event, 1, 1);
  epoll_wait(loop, &event, 1, 1);
  if (is_last) sleep_in_callback();
  epoll_wait(loop, &event, 1, 1);
  close(loop);
}

static void* serve_client(void* number) {
  char name[16];
  snprintf(name, sizeof name, "client-%ld", (long)number);
  prctl(PR_SET_NAME, name);
  serve((long)number == 2399);
  return NULL;
}

// Many more loops than there are at the same time; the last one is held up.
static int run_threads(void) {
  pthread_t threads[24];
  for (long round = 0; round < 100; round++) {
    for (long i = 0; i < 24; i++) {
      if (pthread_create(&threads[i], NULL, serve_client, (void*)(round * 24 + i)) != 0) return 1;
    }
    for (int i = 0; i < 24; i++) pthread_join(threads[i], NULL);
  }
  return 0;
}

static int run_children(void) {
  for (int round = 0; round < 50; round++) {
    for (int i = 0; i < 24; i++) {
      if (fork() == 0) {
        serve(round == 49 && i == 23);
        _exit(0);
      }
    }
    for (int i = 0; i < 24; i++) wait(NULL);
  }
  return 0;
}

static void* serve_long(void* none) {
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  for (int turn = 0; turn < 4; turn++) epoll_wait(loop, &event, 1, 150);
  close(loop);
  return none;
}

// In a container of its own a process has another number than outside, and so have its threads.
static int run_contained(void) {
  if (unshare(CLONE_NEWPID) != 0) return 77;
  const pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, serve_long, NULL);
    serve_long(NULL);
    pthread_join(thread, NULL);
    _exit(0);
  }
  serve_long(NULL);
  return waitpid(child, NULL, 0) != child;
}

int main(int count, char** arguments) {
  const char* which = count > 1 ? arguments[1] : "";
  if (strcmp(which, "poll") == 0) return run_poll();
  if (strcmp(which, "healthy") == 0) return run_healthy();
  if (strcmp(which, "forked") == 0) return run_forked();
  if (strcmp(which, "threads") == 0) return run_threads();
  if (strcmp(which, "children") == 0) return run_children();
  if (strcmp(which, "contained") == 0) return run_contained();
#ifdef WITH_UV
  if (strcmp(which, "uv") == 0) return run_uv();
#endif
#ifdef WITH_EVENT
  if (strcmp(which, "event") == 0) return run_event();
#endif
  fprintf(stderr, "unknown: %s\n", which);
  return 2;
}

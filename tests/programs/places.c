// Loops that could be taken for something else than they are: two one after the other, of which the second has the number of
// the first, and one that waits in three places of the code in turn. Nothing holds them up. And one that is held up.
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static void nap(long milliseconds) {
  const struct timespec time = {0, milliseconds * 1000 * 1000};
  nanosleep(&time, NULL);
}

static void turn(int loop, int times) {
  struct epoll_event event;
  for (int i = 0; i < times; i++) epoll_wait(loop, &event, 1, 2);
}

static int sleeps(void) {
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  turn(loop, 3);
  nap(150);
  turn(loop, 1);
  return 0;
}

static int again(void) {
  for (int i = 0; i < 2; i++) {
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    turn(loop, 3);
    close(loop);
    nap(100);
  }
  return 0;
}

static int alternates(void) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  struct pollfd wanted = {ends[0], POLLIN, 0};
  for (int i = 0; i < 15; i++) {
    if (i % 3 == 0)
      poll(&wanted, 1, 0);
    else if (i % 3 == 1)
      poll(&wanted, 1, 2);
    else
      poll(&wanted, 1, 80);
  }
  return 0;
}

int main(int count, char** arguments) {
  const char* which = count > 1 ? arguments[1] : "";
  if (strcmp(which, "sleeps") == 0) return sleeps();
  if (strcmp(which, "again") == 0) return again();
  return strcmp(which, "alternates") == 0 ? alternates() : 2;
}

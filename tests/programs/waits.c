// A loop of epoll with one call a turn that waits for some 20 ms, too shortly to be a stall: of each kind that is told of
// all the same. With the argument "at-once" each of them is such that it need not wait; with "shortly", calls that wait and
// of which nothing is told.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int waiting;  // 0: at once
static const struct timespec moment = {0, 20 * 1000 * 1000};

struct later {
  void (*act)(void* what);
  void* what;
};

static void* act_later(void* given) {
  const struct later* then = given;
  if (waiting) nanosleep(&moment, NULL);
  then->act(then->what);
  return NULL;
}

// Does it in a while, by another thread; or has done it when this returns.
static pthread_t other;
static void await_other(void) {
  while (pthread_tryjoin_np(other, NULL) != 0) sched_yield();
}
static void later(struct later* then) {
  pthread_create(&other, NULL, act_later, then);
  if (!waiting) await_other();
}
static void rest(void) {
  if (waiting) await_other();
}

static int listening;
static struct sockaddr_in address;

static int connected(int how) {
  const int made = socket(AF_INET, SOCK_STREAM | how, 0);
  connect(made, (struct sockaddr*)&address, sizeof address);
  return made;
}
static void test_connect(void) { close(connected(waiting ? 0 : SOCK_NONBLOCK)); }

static void connects(void* made) { *(int*)made = connected(SOCK_NONBLOCK); }
static void test_accept(void) {
  int made = -1;
  struct later then = {connects, &made};
  close(accept(listening, NULL, NULL));  // test_connect's
  later(&then);
  if (!waiting) poll(&(struct pollfd){listening, POLLIN, 0}, 1, 1000);
  close(accept(listening, NULL, NULL));
  rest();
  close(made);
}

static char name[] = "/tmp/whorl-waits-XXXXXX";
static int same_file(void) { return open(name, O_RDWR | O_CLOEXEC); }

static void unlocks(void* file) { close(*(int*)file); }
static void test_flock(void) {
  const int mine = same_file();
  int theirs = same_file();
  flock(theirs, LOCK_EX);
  struct later then = {unlocks, &theirs};
  later(&then);
  flock(mine, LOCK_EX);
  rest();
  close(mine);
}

static void test_fcntl(void) {
  const int mine = same_file();
  int theirs = same_file();
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  fcntl(theirs, F_OFD_SETLK, &whole);
  struct later then = {unlocks, &theirs};
  later(&then);
  fcntl(mine, F_OFD_SETLKW, &whole);
  rest();
  close(mine);
}

static void raises(void* semaphore) { sem_post(semaphore); }
static void test_sem_wait(void) {
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  struct later then = {raises, &semaphore};
  later(&then);
  sem_wait(&semaphore);
  rest();
}

static void tells_its_number(void* number) { __atomic_store_n((pid_t*)number, gettid(), __ATOMIC_RELEASE); }
static void test_pthread_join(void) {
  pid_t number = 0;
  char entry[64] = "/proc/self";
  struct later then = {tells_its_number, &number};
  pthread_t thread;
  pthread_create(&thread, NULL, act_later, &then);
  while (!waiting && access(entry, F_OK) == 0) {
    const pid_t known = __atomic_load_n(&number, __ATOMIC_ACQUIRE);
    if (known != 0) snprintf(entry, sizeof entry, "/proc/self/task/%d", known);
  }
  pthread_join(thread, NULL);
}

static void writes(void* end) {
  if (write(*(int*)end, "x", 1) != 1) abort();
}
static void test_poll(void) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  struct later then = {writes, &ends[1]};
  later(&then);
  poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1);
  rest();
}

static void test_epoll_wait(void) {
  int ends[2];
  const int second = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (pipe(ends) != 0) abort();
  epoll_ctl(second, EPOLL_CTL_ADD, ends[0], &event);
  struct later then = {writes, &ends[1]};
  later(&then);
  epoll_wait(second, &event, 1, -1);
  rest();
  close(second);
}

static void test_select(void) {
  int ends[2];
  fd_set set;
  if (pipe(ends) != 0) abort();
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct later then = {writes, &ends[1]};
  later(&then);
  select(ends[0] + 1, &set, NULL, NULL, NULL);
  rest();
}

struct message {
  long type;
  char text[1];
};
static void sends(void* queue) { msgsnd(*(int*)queue, &(struct message){1, "x"}, 1, IPC_NOWAIT); }
static void test_msgrcv(void) {
  int queue = msgget(IPC_PRIVATE, 0600);
  struct message got;
  struct later then = {sends, &queue};
  later(&then);
  msgrcv(queue, &got, 1, 0, 0);
  rest();
  msgctl(queue, IPC_RMID, NULL);
}

static void adds(void* set) { semop(*(int*)set, &(struct sembuf){0, 1, 0}, 1); }
static void test_semop(void) {
  int set = semget(IPC_PRIVATE, 1, 0600);
  struct later then = {adds, &set};
  later(&then);
  semop(set, &(struct sembuf){0, -1, 0}, 1);
  rest();
  semctl(set, 0, IPC_RMID);
}

static void posts(void* queue) { mq_send(*(mqd_t*)queue, "x", 1, 0); }
static void test_mq_receive(void) {
  struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 8};
  char got[8];
  mqd_t queue = mq_open("/whorl-waits", O_RDWR | O_CREAT, 0600, &small);
  if (queue == (mqd_t)-1) {
    puts("mq_receive: no queues here");
    return;
  }
  mq_unlink("/whorl-waits");
  struct later then = {posts, &queue};
  later(&then);
  mq_receive(queue, got, sizeof got, NULL);
  rest();
  mq_close(queue);
}

static void sleep_in_large_frame(void) {
  volatile char events[16 * 1024];  // as loops have
  events[0] = 0;
  usleep(waiting ? 1000 : events[0]);
}
static void test_usleep(void) { sleep_in_large_frame(); }

static void test_getaddrinfo(void) {
  struct addrinfo* found = NULL;
  if (getaddrinfo(waiting ? "localhost" : "127.0.0.1", NULL, NULL, &found) == 0) freeaddrinfo(found);
}

static void test_waitpid(void) {
  const pid_t child = fork();
  if (child == 0) {
    if (waiting) nanosleep(&moment, NULL);
    _exit(0);
  }
  siginfo_t over;
  if (!waiting)
    while (waitid(P_PID, child, &over, WEXITED | WNOWAIT | WNOHANG) == 0 && over.si_pid == 0) sched_yield();
  waitpid(child, NULL, 0);
}

static void test_pclose(void) {
  if (waiting) pclose(popen("sleep 0.02", "r"));
}

// How long it takes depends on the disk: whoever reads this knows then what should have been told.
static void test_fsync(void) {
  static char page[4096];
  char place[] = "/var/tmp/whorl-waits-XXXXXX";
  const int file = waiting ? mkstemp(place) : memfd_create("in memory", 0);
  for (int i = 0; waiting && i < 1024; i++) {
    if (write(file, page, sizeof page) != sizeof page) abort();
  }
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  fsync(file);
  clock_gettime(CLOCK_MONOTONIC, &after);
  printf("fsync: %ld us\n", (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000);
  unlink(place);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void unlocks_mutex(void* none) {
  (void)none;
  pthread_mutex_lock(&mutex);
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&mutex);
}
static void shortly_condition(void) {
  struct later then = {unlocks_mutex, NULL};
  pthread_mutex_lock(&mutex);
  later(&then);
  pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  rest();
}
static void shortly_read(void) {
  int ends[2];
  char got;
  if (pipe(ends) != 0) abort();
  struct later then = {writes, &ends[1]};
  later(&then);
  if (read(ends[0], &got, 1) != 1) abort();
  rest();
}

static void (*const told[])(void) = {
    test_connect,    test_accept,      test_flock,   test_fcntl,  test_sem_wait, test_pthread_join,
    test_poll,       test_epoll_wait,  test_select,  test_msgrcv, test_semop,    test_usleep,
    test_mq_receive, test_getaddrinfo, test_waitpid, test_pclose, test_fsync,
};
static void (*const not_told[])(void) = {shortly_condition, shortly_read};

int main(int count, char** arguments) {
  const char* which = count > 1 ? arguments[1] : "";
  waiting = strcmp(which, "at-once") != 0;
  close(mkstemp(name));
  listening = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t length = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listening, (struct sockaddr*)&address, sizeof address);
  listen(listening, 8);
  getsockname(listening, (struct sockaddr*)&address, &length);
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  const int shortly = strcmp(which, "shortly") == 0;
  const size_t calls = shortly ? sizeof not_told / sizeof *not_told : sizeof told / sizeof *told;
  for (size_t i = 0; i < calls; i++) {
    epoll_wait(loop, &event, 1, 2);
    (shortly ? not_told : told)[i]();
  }
  epoll_wait(loop, &event, 1, 300);  // as long as it takes to see where these calls were made
  unlink(name);
  usleep(1000);  // the loop waits no more, though nobody closed it
  return 0;
}

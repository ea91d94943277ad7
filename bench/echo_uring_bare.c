// The limit that the io_uring back end is measured against: an echo server that does only this, with multishot accept
// and receive into one buffer ring, and one gathered submission a turn. It prints its port and serves until its
// standard input ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { sq_entries = 512, cq_entries = 8192, most_descriptors = 8192, buffer_count = 16, buffer_bytes = 65536 };

// Newer than some headers: Linux 6.12 takes from a buffer only what it received.
enum { pbuf_ring_inc = 2, cqe_f_buf_more = 1 << 4 };

enum { tag_accept, tag_receive, tag_send, tag_end };

struct bytes {
  char* at;
  uint32_t count, room;
};

// A send keeps its own copy of the bytes, as a server that answers must; what comes meanwhile is queued beside it.
struct connection {
  struct bytes queued, sending;
  int dirty;
};

static struct {
  int fd, plain_fd;
  uint32_t *sq_head, *sq_tail, sq_mask;
  uint32_t *cq_head, *cq_tail, cq_mask;
  struct io_uring_sqe* sqes;
  struct io_uring_cqe* cqes;
  uint32_t prepared, submitted;
} ring;

static struct {
  struct io_uring_buf_ring* ring;
  char* memory;
  uint32_t used[buffer_count];
  uint16_t tail;
} buffers;

static struct connection connections[most_descriptors];
static int dirty[most_descriptors], dirty_count;
static int listener;

static void die(const char* doing) {
  fprintf(stderr, "echo_uring_bare: %s: %s\n", doing, strerror(errno));
  exit(1);
}

static int enter(uint32_t submit, uint32_t wait) {
  return (int)syscall(SYS_io_uring_enter, ring.fd, submit, wait, IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING,
                      NULL, 0);
}

static void* map(size_t bytes, off_t offset) {
  void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);
  if (at == MAP_FAILED) die("map the ring");
  return at;
}

static void set_up_ring(void) {
  struct io_uring_params p = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
      .cq_entries = cq_entries};
  ring.fd = ring.plain_fd = (int)syscall(SYS_io_uring_setup, sq_entries, &p);
  if (ring.fd < 0) die("set the ring up");
  char* rings = map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_SQ_RING);
  ring.sqes = map(p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring.cqes = (struct io_uring_cqe*)(rings + p.cq_off.cqes);
  ring.sq_head = (uint32_t*)(rings + p.sq_off.head);
  ring.sq_tail = (uint32_t*)(rings + p.sq_off.tail);
  ring.sq_mask = p.sq_entries - 1;
  ring.cq_head = (uint32_t*)(rings + p.cq_off.head);
  ring.cq_tail = (uint32_t*)(rings + p.cq_off.tail);
  ring.cq_mask = p.cq_entries - 1;
  uint32_t* array = (uint32_t*)(rings + p.sq_off.array);
  for (uint32_t i = 0; i < p.sq_entries; i++) array[i] = i;
  struct io_uring_rsrc_update update = {.offset = ~0U, .data = (uint64_t)ring.fd};
  if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_RING_FDS, &update, 1) != 1) die("register the ring");
  ring.fd = (int)update.offset;
}

static void give_back(uint16_t id) {
  struct io_uring_buf* b = &buffers.ring->bufs[buffers.tail & (buffer_count - 1)];
  b->addr = (uint64_t)(buffers.memory + (size_t)id * buffer_bytes);
  b->len = buffer_bytes;
  b->bid = id;
  buffers.used[id] = 0;
  __atomic_store_n(&buffers.ring->tail, ++buffers.tail, __ATOMIC_RELEASE);
}

static void set_up_buffers(void) {
  size_t bytes = (size_t)buffer_count * buffer_bytes;
  buffers.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  buffers.ring = aligned_alloc(4096, 4096);
  if (buffers.memory == MAP_FAILED || !buffers.ring) die("get memory");
  struct io_uring_buf_reg reg = {
      .ring_addr = (uint64_t)buffers.ring, .ring_entries = buffer_count, .pad = pbuf_ring_inc};
  if (syscall(SYS_io_uring_register, ring.plain_fd, IORING_REGISTER_PBUF_RING, &reg, 1) != 0) die("register buffers");
  for (uint16_t i = 0; i < buffer_count; i++) give_back(i);
}

static struct io_uring_sqe* prepare(int opcode, int fd, uint64_t tag) {
  if (ring.prepared - __atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE) > ring.sq_mask) {
    __atomic_store_n(ring.sq_tail, ring.prepared, __ATOMIC_RELEASE);
    if (enter(ring.prepared - ring.submitted, 0) < 0) die("submit");
    ring.submitted = ring.prepared;
  }
  struct io_uring_sqe* s = &ring.sqes[ring.prepared++ & ring.sq_mask];
  memset(s, 0, sizeof *s);
  s->opcode = (uint8_t)opcode;
  s->fd = fd;
  s->user_data = tag << 32 | (uint32_t)fd;
  return s;
}

static void receive(int fd) {
  struct io_uring_sqe* s = prepare(IORING_OP_RECV, fd, tag_receive);
  s->ioprio = IORING_RECV_MULTISHOT;
  s->flags = IOSQE_BUFFER_SELECT;
}

static void send_out(int fd) {
  struct connection* c = &connections[fd];
  c->dirty = 0;
  if (c->sending.count || !c->queued.count) return;
  struct bytes next = c->queued;
  c->queued = c->sending;
  c->sending = next;
  struct io_uring_sqe* s = prepare(IORING_OP_SEND, fd, tag_send);
  s->addr = (uint64_t)next.at;
  s->len = next.count;
  s->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static void mark(int fd) {
  if (!connections[fd].dirty++) dirty[dirty_count++] = fd;
}

static void append(struct bytes* to, const char* from, uint32_t count) {
  if (to->count + count > to->room) {
    to->room = 2 * to->room + count;
    to->at = realloc(to->at, to->room);
    if (!to->at) die("get memory");
  }
  memcpy(to->at + to->count, from, count);
  to->count += count;
}

static void received(int fd, struct io_uring_cqe* e) {
  if (e->res > 0) {
    uint16_t id = (uint16_t)(e->flags >> IORING_CQE_BUFFER_SHIFT);
    append(&connections[fd].queued, buffers.memory + (size_t)id * buffer_bytes + buffers.used[id], (uint32_t)e->res);
    buffers.used[id] += (uint32_t)e->res;
    if (!(e->flags & cqe_f_buf_more)) give_back(id);
    mark(fd);
  } else if (e->res != -ENOBUFS) {
    close(fd);
    return;
  }
  if (!(e->flags & IORING_CQE_F_MORE)) receive(fd);
}

static void sent(int fd) {
  connections[fd].sending.count = 0;
  mark(fd);
}

static void completed(struct io_uring_cqe* e) {
  int fd = (int)(uint32_t)e->user_data;
  switch (e->user_data >> 32) {
    case tag_accept: {
      if (e->res < 0) die("accept");
      int yes = 1;
      setsockopt(e->res, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      receive(e->res);
      break;
    }
    case tag_receive: received(fd, e); break;
    case tag_send: sent(fd); break;
    default: exit(0);
  }
}

static int listen_on_loopback(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr*)&at, sizeof at) != 0) die("bind");
  if (listen(fd, 1024) != 0) die("listen");
  if (getsockname(fd, (struct sockaddr*)&at, &bytes) != 0) die("name the socket");
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(void) {
  set_up_ring();
  set_up_buffers();
  listener = listen_on_loopback();
  prepare(IORING_OP_ACCEPT, listener, tag_accept)->ioprio = IORING_ACCEPT_MULTISHOT;
  prepare(IORING_OP_POLL_ADD, STDIN_FILENO, tag_end)->poll32_events = POLLIN;
  for (;;) {
    for (int i = 0; i < dirty_count; i++) send_out(dirty[i]);
    dirty_count = 0;
    __atomic_store_n(ring.sq_tail, ring.prepared, __ATOMIC_RELEASE);
    if (enter(ring.prepared - ring.submitted, 1) < 0 && errno != EINTR) die("enter");
    ring.submitted = ring.prepared;
    uint32_t head = *ring.cq_head;
    for (uint32_t tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE); head != tail; head++) {
      completed(&ring.cqes[head & ring.cq_mask]);
    }
    __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
  }
}

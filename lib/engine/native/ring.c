// Sends the messages of one round with one system call instead of one each. While events are dispatched, relay.c may
// put a message aside in the loop's shared buffer. At the end they go through an io_uring. Nothing stays in flight in
// it: each message is sent at once and without blocking (MSG_DONTWAIT), within the io_uring_enter(2) that submits it.
// The ring is just a sendmmsg(2) for many sockets. Where there is no io_uring (before Linux 6.1,
// kernel.io_uring_disabled, a seccomp filter), each message is a send(2), and so is everything that the ring refuses.
#include "bal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#if !defined(IORING_SETUP_DEFER_TASKRUN) || !defined(SYS_io_uring_setup)
// The headers are older than the feature.
int ring_open(struct loop *loop) { return loop->batch.ring == NULL ? EOPNOTSUPP : 0; }
bool ring_has_room(const struct loop *loop) { return loop->batch.ring != NULL; }
void ring_add(struct loop *loop, struct connection *c, int direction, size_t length) {
  (void)loop, (void)c, (void)direction, (void)length;
}
void ring_send(struct loop *loop) { (void)loop; }
void ring_close(struct loop *loop) { (void)loop; }
void ring_begin(struct loop *loop, int events) { (void)loop, (void)events; }
void ring_end(struct loop *loop) { (void)loop; }
#else

/** A single message is cheaper with send(2). */
enum { WORTH_IT = 2 };

struct message {
  uint32_t connection, generation; // of the sink: the bytes are for this descriptor only
  uint32_t at, length;             // in the shared buffer
  int32_t direction;
  int32_t result; // as from send(2), or −errno
};

struct ring {
  int fd;
  uint32_t number; // index of the ring registered with the thread; saves a look-up per call
  bool failed;
  void *queues;
  size_t queues_size;
  struct io_uring_sqe *entries;
  struct io_uring_cqe *results;
  _Atomic uint32_t *tail;                        // of the entries
  _Atomic uint32_t *results_head, *results_tail; // the latter is the kernel's
  uint32_t mask, results_mask;
  uint32_t at_most; // entries submitted at a time; limited by tests
  uint32_t count;
  struct message messages[EVENTS];
};

static void unmap(struct ring *ring) {
  if (ring->entries != NULL) munmap(ring->entries, (ring->mask + 1) * sizeof *ring->entries);
  if (ring->queues != NULL) munmap(ring->queues, ring->queues_size);
}

static void *shared_with_kernel(int fd, size_t size, off_t what) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
  return memory == MAP_FAILED ? NULL : memory;
}

/** Maps the queues as io_uring_setup(2) describes. False: no memory, or no single mapping (before Linux 5.4). */
static bool map(struct ring *ring, const struct io_uring_params *p) {
  if (!(p->features & IORING_FEAT_SINGLE_MMAP)) return false;
  size_t entries = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
  size_t results = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
  ring->queues_size = entries > results ? entries : results;
  ring->queues = shared_with_kernel(ring->fd, ring->queues_size, IORING_OFF_SQ_RING);
  ring->mask = p->sq_entries - 1;
  ring->entries = shared_with_kernel(ring->fd, p->sq_entries * sizeof *ring->entries, IORING_OFF_SQES);
  if (ring->queues == NULL || ring->entries == NULL) return false;
  char *base = ring->queues;
  ring->tail = (_Atomic uint32_t *)(base + p->sq_off.tail);
  ring->results_head = (_Atomic uint32_t *)(base + p->cq_off.head);
  ring->results_tail = (_Atomic uint32_t *)(base + p->cq_off.tail);
  ring->results_mask = p->cq_entries - 1;
  ring->results = (struct io_uring_cqe *)(base + p->cq_off.cqes);
  uint32_t *order = (uint32_t *)(base + p->sq_off.array);
  for (uint32_t i = 0; i < p->sq_entries; i++) order[i] = i;
  return true;
}

/** Registers the ring with this thread. Returns 0 or an errno. */
static int enlist(struct ring *ring) {
  struct io_uring_rsrc_update own = {.offset = UINT32_MAX, .data = (uint64_t)ring->fd};
  if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_RING_FDS, &own, 1) != 1) return errno;
  ring->number = own.offset;
  return 0;
}

int ring_open(struct loop *loop) {
  if (loop->batch.ring != NULL) return 0;
  if (system_disabled("uring")) return EPERM;
  struct ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL) return ENOMEM;
  ring->at_most = system_disabled("uring_short") ? 1 : UINT32_MAX;
  // One thread only, never interrupted for a result. An entry that fails does not stop the others.
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                            IORING_SETUP_SUBMIT_ALL};
  ring->fd = (int)syscall(SYS_io_uring_setup, EVENTS, &params);
  int error = ring->fd < 0 ? errno : map(ring, &params) ? enlist(ring) : ENOMEM;
  if (error == 0) {
    loop->batch.ring = ring;
    return 0;
  }
  unmap(ring);
  if (ring->fd >= 0) close(ring->fd);
  free(ring);
  return error;
}

void ring_close(struct loop *loop) {
  struct ring *ring = loop->batch.ring;
  if (ring == NULL) return;
  loop->batch.ring = NULL;
  loop->batch.aside = 0;
  struct io_uring_rsrc_update own = {.offset = ring->number};
  syscall(SYS_io_uring_register, ring->fd, IORING_UNREGISTER_RING_FDS, &own, 1);
  unmap(ring);
  close(ring->fd);
  free(ring);
}

bool ring_has_room(const struct loop *loop) {
  return loop->batch.aside + ASIDE_EACH <= ASIDE_BYTES && loop->batch.ring->count < EVENTS;
}

void ring_add(struct loop *loop, struct connection *c, int direction, size_t length) {
  struct ring *ring = loop->batch.ring;
  ring->messages[ring->count++] = (struct message){
      .connection = c->index,
      .generation = c->generation[!direction],
      .at = loop->batch.aside,
      .length = (uint32_t)length,
      .direction = direction,
      .result = -ECANCELED, // until the kernel reports something else
  };
  loop->batch.aside += (uint32_t)length;
  c->aside = true;
}

/** The connection of a message. Null if it is over; the message is dropped then. */
static struct connection *owner(struct loop *loop, const struct message *message) {
  struct connection *c = slot_find(loop, message->connection);
  return c != NULL && c->aside && c->generation[!message->direction] == message->generation ? c : NULL;
}

/** Reads the results that are there. Returns how many. */
static uint32_t collect(struct ring *ring) {
  uint32_t head = atomic_load_explicit(ring->results_head, memory_order_relaxed);
  uint32_t count = atomic_load_explicit(ring->results_tail, memory_order_acquire) - head;
  for (uint32_t i = 0; i < count; i++) {
    const struct io_uring_cqe *result = &ring->results[head++ & ring->results_mask];
    ring->messages[result->user_data].result = result->res;
  }
  atomic_store_explicit(ring->results_head, head, memory_order_release);
  return count;
}

static void send_together(struct loop *loop, struct ring *ring) {
  uint32_t begin = atomic_load_explicit(ring->tail, memory_order_relaxed), tail = begin;
  for (uint32_t i = 0; i < ring->count; i++) {
    const struct message *message = &ring->messages[i];
    const struct connection *c = owner(loop, message);
    if (c == NULL) continue;
    struct io_uring_sqe *entry = &ring->entries[tail++ & ring->mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_SEND;
    entry->fd = c->fd[!message->direction];
    entry->addr = (uint64_t)(uintptr_t)(loop->batch.shared + message->at);
    entry->len = message->length;
    entry->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    entry->user_data = i;
  }
  atomic_store_explicit(ring->tail, tail, memory_order_release);
  uint32_t wanted = tail - begin, asked = wanted < ring->at_most ? wanted : ring->at_most;
  long taken = syscall(SYS_io_uring_enter, ring->number, asked, 0, IORING_ENTER_REGISTERED_RING, NULL, 0);
  uint32_t done = collect(ring);
  if (likely(taken == wanted && done == wanted)) return;
  // The ring is not reliable and is not used again. What it did not take goes by send(2).
  ring->failed = true;
  for (uint32_t i = begin; taken > (long)done && i != begin + (uint32_t)taken; i++) {
    const struct message *message = &ring->messages[ring->entries[i & ring->mask].user_data];
    const struct connection *c = owner(loop, message);
    if (message->result != -ECANCELED || c == NULL) continue;
    // Submitted but without a result: cannot happen. Nobody knows whether it was sent, so nothing may follow it.
    shutdown(c->fd[!message->direction], SHUT_RDWR);
  }
}

/** Sends a message that the ring did not take or failed on, because the error may be the ring's own. */
static int32_t send_one(const struct loop *loop, const struct connection *c, const struct message *message) {
  ssize_t put;
  const char *bytes = loop->batch.shared + message->at;
  do put = send(c->fd[!message->direction], bytes, message->length, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (unlikely(put < 0 && errno == EINTR));
  return put < 0 ? -errno : (int32_t)put;
}

/** Handles messages that were not sent whole. JavaScript may run and end any connection. */
static void settle_rest(struct loop *loop, struct ring *ring) {
  for (uint32_t i = 0; i < ring->count; i++) {
    const struct message *message = &ring->messages[i];
    struct connection *c = owner(loop, message);
    if (c == NULL) continue;
    js_make_room(c->listener->engine);
    if (owner(loop, message) == NULL) continue;
    c->aside = false;
    uint32_t sent = message->result > 0 ? (uint32_t)message->result : 0;
    bool broken = message->result < 0 && message->result != -EAGAIN;
    relay_unsent(loop, c, message->direction, loop->batch.shared + message->at + sent, message->length - sent, broken);
  }
}

void ring_send(struct loop *loop) {
  struct ring *ring = loop->batch.ring;
  bool gathers = loop->batch.gathers, whole = true;
  loop->batch.gathers = false; // what is read from here on is sent on its own
  if (ring->count >= WORTH_IT) send_together(loop, ring);
  for (uint32_t i = 0; i < ring->count; i++) {
    struct message *message = &ring->messages[i];
    struct connection *c = owner(loop, message);
    if (c == NULL) continue;
    if (unlikely(message->result < 0 && message->result != -EAGAIN)) message->result = send_one(loop, c, message);
    if (message->result > 0) relay_count(loop, c, message->direction, (size_t)message->result);
    if (likely(message->result == (int32_t)message->length)) c->aside = false;
    else whole = false;
  }
  if (unlikely(!whole)) settle_rest(loop, ring);
  ring->count = 0;
  loop->batch.aside = 0;
  if (unlikely(ring->failed)) ring_close(loop);
  loop->batch.gathers = gathers && loop->batch.ring != NULL;
}

void ring_begin(struct loop *loop, int events) { loop->batch.gathers = events > 1 && loop->batch.ring != NULL; }

void ring_end(struct loop *loop) {
  loop->batch.gathers = false;
  if (loop->batch.aside > 0) ring_send(loop);
}
#endif

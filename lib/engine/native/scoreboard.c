// What the workers see of each other: shared memory in which each worker writes how many clients it has and whether it
// accepts. The primary creates it, assigns the rows, and clears the row of a worker that is gone; see ../scoreboard.ts.
#include "bal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/** A cache line per worker: its owner writes it for every client, and all others read it. */
struct row {
  _Atomic uint32_t clients; // in row 0, which no worker owns: all rows in use are below this number
  _Atomic uint32_t accepts;
  _Atomic int32_t process, thread; // the thread to wake
  _Atomic uint32_t called;         // clients are left to it, or what its clients wait for may be there
  char rest[64 - 5 * sizeof(uint32_t)];
};

/** Ignored by default, so it harms no process that has reused the pid of a dead worker. */
enum { WAKE = SIGURG, LOOKED_AT = 16 };

static void on_wake(int signal) { (void)signal; }

/** Unblocks WAKE only while this thread waits, so that one just before the wait is not missed. */
static int catch_wake(struct loop *loop) {
  struct sigaction action = {.sa_handler = on_wake, .sa_flags = SA_RESTART};
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, WAKE);
  if (sigaction(WAKE, &action, NULL) != 0) return errno;
  int error = pthread_sigmask(SIG_BLOCK, &wake, &loop->scoreboard.asleep);
  sigdelset(&loop->scoreboard.asleep, WAKE);
  return error;
}

int scoreboard_open(struct loop *loop, int fd, uint32_t row, uint32_t rows) {
  struct stat file;
  size_t size = rows * sizeof(struct row);
  if (loop->scoreboard.rows != NULL || row == 0 || row >= rows) return EINVAL;
  if (fstat(fd, &file) != 0) return errno;
  // Accessing mapped memory beyond the end of a file raises SIGBUS.
  if (!S_ISREG(file.st_mode) || file.st_size < (off_t)size) return EINVAL;
  int error = catch_wake(loop);
  if (error != 0) return error;
  struct row *scoreboard = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (scoreboard == MAP_FAILED) return errno;
  atomic_store(&scoreboard[row].process, getpid());
  atomic_store(&scoreboard[row].thread, (int32_t)syscall(SYS_gettid));
  loop->scoreboard.rows = scoreboard;
  loop->scoreboard.own = row;
  loop->scoreboard.count = rows;
  fairness_begin(loop);
  return 0;
}

void scoreboard_publish(struct loop *loop) {
  if (loop->scoreboard.rows == NULL) return;
  struct row *own = &loop->scoreboard.rows[loop->scoreboard.own];
  uint32_t accepts = loop->accepting.armed > 0 || fairness_due(loop) != NEVER;
  // Write only changes: a write takes the cache line from all readers.
  if (atomic_load_explicit(&own->clients, memory_order_relaxed) != loop->live) {
    atomic_store_explicit(&own->clients, loop->live, memory_order_relaxed);
  }
  if (atomic_load_explicit(&own->accepts, memory_order_relaxed) != accepts) {
    atomic_store_explicit(&own->accepts, accepts, memory_order_relaxed);
  }
}

uint32_t scoreboard_fewest(const struct loop *loop, uint32_t *lightest) {
  uint32_t fewest = UINT32_MAX;
  if (loop->scoreboard.rows == NULL) return fewest;
  uint32_t end = atomic_load_explicit(&loop->scoreboard.rows->clients, memory_order_relaxed);
  if (end > loop->scoreboard.count) end = loop->scoreboard.count;
  // Start after the own row, so that not all of many workers look at the same rows.
  uint32_t row = loop->scoreboard.own;
  // Bounded by `end` too: the own row may be beyond it when the primary could not write.
  for (uint32_t step = 1, looked_at = 0; step < end && looked_at < LOOKED_AT; step++) {
    row = row + 1 < end ? row + 1 : 1;
    if (row == loop->scoreboard.own) break;
    const struct row *other = &loop->scoreboard.rows[row];
    // Not counted: after some reloads with long drains most rows are like this.
    if (atomic_load_explicit(&other->accepts, memory_order_relaxed) == 0) continue;
    looked_at++;
    uint32_t clients = atomic_load_explicit(&other->clients, memory_order_relaxed);
    if (clients >= fewest) continue;
    fewest = clients;
    *lightest = row;
  }
  return fewest;
}

bool scoreboard_has(const struct loop *loop, uint32_t row) {
  return loop->scoreboard.rows != NULL && row > 0 && row < loop->scoreboard.count;
}

bool scoreboard_call(const struct loop *loop, uint32_t row) {
  struct row *other = &loop->scoreboard.rows[row];
  // Already called, and has not looked since.
  if (atomic_exchange(&other->called, 1) != 0) return true;
  int32_t process = atomic_load(&other->process), thread = atomic_load(&other->thread);
  if (process > 0 && thread > 0 && syscall(SYS_tgkill, process, thread, WAKE) == 0) return true;
  atomic_store(&other->called, 0);
  return false;
}

int scoreboard_wait(struct loop *loop, int timeout_ms, bool *called) {
  *called = false;
  if (loop->scoreboard.rows == NULL) return loop_wait(loop, timeout_ms);
  struct row *own = &loop->scoreboard.rows[loop->scoreboard.own];
  int count = epoll_pwait(loop->epoll, loop->events, EVENTS, timeout_ms, &loop->scoreboard.asleep);
  // Not only after a signal: a busy worker gets none and must see the call too.
  bool is_called = atomic_load_explicit(&own->called, memory_order_relaxed) != 0;
  if (unlikely(is_called)) *called = atomic_exchange(&own->called, 0) != 0;
  loop->scoreboard.called |= *called;
  return count;
}

void scoreboard_close(struct loop *loop) {
  if (loop->scoreboard.rows == NULL) return;
  scoreboard_publish(loop);
  munmap(loop->scoreboard.rows, loop->scoreboard.count * sizeof(struct row));
  loop->scoreboard.rows = NULL;
}

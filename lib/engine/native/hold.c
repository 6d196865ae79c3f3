// Bytes that were read and could not be written yet. Small ones are held in chunks of memory, those of streams in pipes
// ("tubes") through which splice(2) moves them without copying. Both come from pools and go back as soon as they are
// empty, so an idle connection holds none; a pool that nobody needed for a second is emptied. While a direction holds something its source is not read: that is the
// back-pressure, and it bounds the memory.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  CHUNK_BYTES = MESSAGE_BYTES,
  POOLED_CHUNKS = 16,
  POOLED_TUBES = 16,
  TUBES_AT_MOST = 64, // 128 descriptors; a stream that finds none is copied
  // The more a splice moves the cheaper is a byte, but what lies in a pipe is memory, and of pipes above 64 KiB a user may
  // have 64 MiB in all. Few are in use at a time unless readers are slow, so a few large ones do most of the work.
  LARGE_TUBES = 4,
  LARGE_TUBE_BYTES = 1024 * 1024,
  TUBE_BYTES = 256 * 1024,
  KEPT_MS = 1000,
};

struct chunk {
  struct chunk *next;
  uint32_t from, to;
  char bytes[CHUNK_BYTES];
};

struct tube {
  struct tube *next;
  int in, out;
  uint32_t length;     // bytes in the pipe
  bool large;
  struct chunk *front; // bytes taken out of it again because splicing out failed
};

static struct chunk *chunk_take(struct loop *loop) {
  struct chunk *chunk = loop->chunks;
  if (chunk == NULL) return malloc(sizeof *chunk);
  loop->chunks = chunk->next;
  loop->chunk_count--;
  return chunk;
}

static void chunk_give(struct loop *loop, struct chunk *chunk) {
  if (loop->chunk_count == POOLED_CHUNKS) {
    free(chunk);
    return;
  }
  chunk->next = loop->chunks;
  loop->chunks = chunk;
  loop->chunk_count++;
  loop->pools_until = loop->now + KEPT_MS;
}

static struct tube *tube_take(struct loop *loop, struct engine *engine) {
  struct tube *tube = loop->tubes;
  if (tube != NULL) {
    loop->tubes = tube->next;
    loop->tube_count--;
  } else {
    if (loop->tubes_out == TUBES_AT_MOST || (tube = malloc(sizeof *tube)) == NULL) return NULL;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      shortage(engine, AT_PIPE, errno);
      free(tube);
      return NULL;
    }
    *tube = (struct tube){.in = ends[1], .out = ends[0], .large = loop->large_tubes < LARGE_TUBES};
    loop->large_tubes += tube->large;
    fcntl(tube->in, F_SETPIPE_SZ, tube->large ? LARGE_TUBE_BYTES : TUBE_BYTES); // may be refused: then it holds 64 KiB
  }
  loop->tubes_out++;
  return tube;
}

static void tube_free(struct loop *loop, struct tube *tube) {
  loop->large_tubes -= tube->large;
  close(tube->in);
  close(tube->out);
  free(tube);
}

static void tube_give(struct loop *loop, struct tube *tube) {
  loop->tubes_out--;
  if (tube->front != NULL) chunk_give(loop, tube->front);
  tube->front = NULL;
  if (tube->length > 0 || loop->tube_count == POOLED_TUBES) {
    tube_free(loop, tube);
    return;
  }
  // Large ones first.
  struct tube **at = &loop->tubes;
  if (!tube->large && *at != NULL && (*at)->large) at = &(*at)->next;
  tube->next = *at;
  *at = tube;
  loop->tube_count++;
  loop->pools_until = loop->now + KEPT_MS;
}

bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length) {
  struct chunk *chunk = chunk_take(loop);
  if (chunk == NULL) {
    shortage(c->listener->engine, AT_MEMORY, ENOMEM);
    return false;
  }
  memcpy(chunk->bytes, bytes, length);
  chunk->from = 0;
  chunk->to = (uint32_t)length;
  c->held[direction] = chunk;
  c->direction[direction] &= (uint8_t)~IN_TUBE;
  return true;
}

ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction) {
  struct tube *tube = loop->can_splice ? tube_take(loop, c->listener->engine) : NULL;
  if (tube == NULL) {
    errno = ENOSYS;
    return -1;
  }
  ssize_t got = system_splice(loop, c->fd[direction], tube->in, 1 << 20, false);
  if (got > 0) {
    tube->length = (uint32_t)got;
    c->held[direction] = tube;
    c->direction[direction] |= IN_TUBE;
    return got;
  }
  int error = errno;
  tube_give(loop, tube);
  if (got < 0 && system_is_missing(error)) {
    loop->can_splice = false;
    error = ENOSYS;
  }
  errno = error;
  return got;
}

/** Sends what is left of a chunk. */
static enum flushed chunk_flush(struct loop *loop, struct connection *c, int direction, struct chunk *chunk) {
  while (chunk->from < chunk->to) {
    ssize_t put = send(c->fd[!direction], chunk->bytes + chunk->from, chunk->to - chunk->from, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? STILL_HELD : SINK_FAILED;
    }
    chunk->from += (uint32_t)put;
    relay_count(loop, c, direction, (size_t)put);
  }
  return EMPTY;
}

static enum flushed tube_flush(struct loop *loop, struct connection *c, int direction, struct tube *tube) {
  for (;;) {
    if (unlikely(tube->front != NULL)) {
      enum flushed flushed = chunk_flush(loop, c, direction, tube->front);
      if (flushed != EMPTY) return flushed;
    }
    if (tube->length == 0) return EMPTY;
    ssize_t put = system_splice(loop, tube->out, c->fd[!direction], tube->length, true);
    if (likely(put > 0)) {
      tube->length -= (uint32_t)put;
      relay_count(loop, c, direction, (size_t)put);
      continue;
    }
    if (put == 0) return SINK_FAILED; // cannot be: the pipe is not empty
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return STILL_HELD;
    if (!system_is_missing(errno)) return SINK_FAILED;
    // Splicing in works and out does not: take the bytes out again and send them.
    loop->can_splice = loop->can_splice_out = false;
    if (tube->front == NULL && (tube->front = chunk_take(loop)) == NULL) return SINK_FAILED;
    tube->front->from = tube->front->to = 0;
    ssize_t got = read(tube->out, tube->front->bytes, CHUNK_BYTES);
    if (got <= 0) return SINK_FAILED;
    tube->front->to = (uint32_t)got;
    tube->length -= (uint32_t)got;
  }
}

enum flushed hold_flush(struct loop *loop, struct connection *c, int direction) {
  bool tube = c->direction[direction] & IN_TUBE;
  enum flushed flushed = tube ? tube_flush(loop, c, direction, c->held[direction])
                              : chunk_flush(loop, c, direction, c->held[direction]);
  if (flushed == EMPTY) hold_drop(loop, c, direction);
  return flushed;
}

void hold_drop(struct loop *loop, struct connection *c, int direction) {
  if (c->held[direction] == NULL) return;
  if (c->direction[direction] & IN_TUBE) tube_give(loop, c->held[direction]);
  else chunk_give(loop, c->held[direction]);
  c->held[direction] = NULL;
}

void hold_free_pools(struct loop *loop) {
  while (loop->chunks != NULL) {
    struct chunk *chunk = loop->chunks;
    loop->chunks = chunk->next;
    free(chunk);
  }
  while (loop->tubes != NULL) {
    struct tube *tube = loop->tubes;
    loop->tubes = tube->next;
    tube_free(loop, tube);
  }
  loop->chunk_count = loop->tube_count = 0;
  loop->pools_until = 0;
}

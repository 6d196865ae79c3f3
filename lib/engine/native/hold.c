// Bytes that were read and could not be written yet. Small ones are held in buffers, those of streams in pipes, through
// which splice(2) moves them without copying. Both come from pools and go back as soon as they are empty, so an idle
// connection holds none; a pool that nobody needed for a second is emptied. While a direction holds something its
// source is not read: that is the back-pressure, and it bounds the memory.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BUFFER_BYTES = MESSAGE_BYTES,
  POOLED_BUFFERS = 16,
  POOLED_PIPES = 16,
  PIPES_AT_MOST = 64, // 128 descriptors; a stream that finds none is copied
  // The more a splice moves the cheaper is a byte, but what lies in a pipe is memory, and of pipes above 64 KiB a user
  // may have 64 MiB in all. Few are in use at a time unless readers are slow, so a few large ones do most of the work.
  LARGE_PIPES = 4,
  LARGE_PIPE_BYTES = 1024 * 1024,
  PIPE_BYTES = 256 * 1024,
  KEPT_MS = 1000,
};

struct buffer {
  struct buffer *next; // in the pool, or held behind this one
  uint32_t from, to;
  bool uncounted; // bytes of ours, not relayed
  char bytes[BUFFER_BYTES];
};

struct pipe {
  struct pipe *next;
  int in, out;
  uint32_t length; // bytes in the pipe
  bool large;
  struct buffer *front; // bytes taken out of it again because splicing out failed
};

static struct buffer *buffer_take(struct loop *loop) {
  struct buffer *buffer = loop->pools.buffers;
  if (buffer == NULL) return malloc(sizeof *buffer);
  loop->pools.buffers = buffer->next;
  loop->pools.buffer_count--;
  return buffer;
}

static void buffer_give(struct loop *loop, struct buffer *buffer) {
  if (loop->pools.buffer_count == POOLED_BUFFERS) {
    free(buffer);
    return;
  }
  buffer->next = loop->pools.buffers;
  loop->pools.buffers = buffer;
  loop->pools.buffer_count++;
  loop->pools.until = loop->now + KEPT_MS;
}

static struct pipe *pipe_take(struct loop *loop, struct engine *engine) {
  struct pipe *pipe = loop->pools.pipes;
  if (pipe != NULL) {
    loop->pools.pipes = pipe->next;
    loop->pools.pipe_count--;
  } else {
    if (loop->pools.pipes_out == PIPES_AT_MOST || (pipe = malloc(sizeof *pipe)) == NULL) return NULL;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      exhausted(engine, AT_PIPE, errno);
      free(pipe);
      return NULL;
    }
    *pipe = (struct pipe){.in = ends[1], .out = ends[0], .large = loop->pools.large_pipes < LARGE_PIPES};
    loop->pools.large_pipes += pipe->large;
    fcntl(pipe->in, F_SETPIPE_SZ, pipe->large ? LARGE_PIPE_BYTES : PIPE_BYTES); // may be refused: then it holds 64 KiB
  }
  loop->pools.pipes_out++;
  return pipe;
}

static void pipe_free(struct loop *loop, struct pipe *pipe) {
  loop->pools.large_pipes -= pipe->large;
  close(pipe->in);
  close(pipe->out);
  free(pipe);
}

static void pipe_give(struct loop *loop, struct pipe *pipe) {
  loop->pools.pipes_out--;
  if (pipe->front != NULL) buffer_give(loop, pipe->front);
  pipe->front = NULL;
  if (pipe->length > 0 || loop->pools.pipe_count == POOLED_PIPES) {
    pipe_free(loop, pipe);
    return;
  }
  // Large ones first.
  struct pipe **at = &loop->pools.pipes;
  if (!pipe->large && *at != NULL && (*at)->large) at = &(*at)->next;
  pipe->next = *at;
  *at = pipe;
  loop->pools.pipe_count++;
  loop->pools.until = loop->now + KEPT_MS;
}

bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length) {
  struct buffer *buffer = buffer_take(loop);
  if (buffer == NULL) {
    exhausted(c->listener->engine, AT_MEMORY, ENOMEM);
    return false;
  }
  memcpy(buffer->bytes, bytes, length);
  buffer->next = NULL;
  buffer->from = 0;
  buffer->to = (uint32_t)length;
  buffer->uncounted = false;
  c->held[direction] = buffer;
  c->direction[direction] &= (uint8_t)~IN_PIPE;
  return true;
}

bool hold_in_front(struct loop *loop, struct connection *c, const char *bytes, size_t length) {
  struct buffer *behind = c->held[CLIENT]; // no pipe: nothing has been relayed yet
  if (!hold_bytes(loop, c, CLIENT, bytes, length)) return false;
  struct buffer *front = c->held[CLIENT];
  front->next = behind;
  front->uncounted = true;
  return true;
}

ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction) {
  struct pipe *pipe = loop->can.splice ? pipe_take(loop, c->listener->engine) : NULL;
  if (pipe == NULL) {
    errno = ENOSYS;
    return -1;
  }
  ssize_t got = system_splice(loop, c->fd[direction], pipe->in, 1 << 20, false);
  if (got > 0) {
    pipe->length = (uint32_t)got;
    c->held[direction] = pipe;
    c->direction[direction] |= IN_PIPE;
    return got;
  }
  int error = errno;
  pipe_give(loop, pipe);
  if (got < 0 && system_is_missing(error)) {
    loop->can.splice = false;
    error = ENOSYS;
  }
  errno = error;
  return got;
}

/** Sends what is left of a buffer. */
static enum flushed buffer_flush(struct loop *loop, struct connection *c, int direction, struct buffer *buffer) {
  while (buffer->from < buffer->to) {
    ssize_t put = send(c->fd[!direction], buffer->bytes + buffer->from, buffer->to - buffer->from, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? STILL_HELD : SINK_FAILED;
    }
    buffer->from += (uint32_t)put;
    if (likely(!buffer->uncounted)) relay_count(loop, c, direction, (size_t)put);
  }
  return EMPTY;
}

static enum flushed pipe_flush(struct loop *loop, struct connection *c, int direction, struct pipe *pipe) {
  for (;;) {
    if (unlikely(pipe->front != NULL)) {
      enum flushed flushed = buffer_flush(loop, c, direction, pipe->front);
      if (flushed != EMPTY) return flushed;
    }
    if (pipe->length == 0) return EMPTY;
    ssize_t put = system_splice(loop, pipe->out, c->fd[!direction], pipe->length, true);
    if (likely(put > 0)) {
      pipe->length -= (uint32_t)put;
      relay_count(loop, c, direction, (size_t)put);
      continue;
    }
    if (put == 0) return SINK_FAILED; // cannot be: the pipe is not empty
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return STILL_HELD;
    if (!system_is_missing(errno)) return SINK_FAILED;
    // Splicing in works and out does not: take the bytes out again and send them.
    loop->can.splice = loop->can.splice_out = false;
    if (pipe->front == NULL && (pipe->front = buffer_take(loop)) == NULL) return SINK_FAILED;
    pipe->front->from = pipe->front->to = 0;
    pipe->front->uncounted = false;
    ssize_t got = read(pipe->out, pipe->front->bytes, BUFFER_BYTES);
    if (got <= 0) return SINK_FAILED;
    pipe->front->to = (uint32_t)got;
    pipe->length -= (uint32_t)got;
  }
}

static void drop_first(struct loop *loop, struct connection *c, int direction) {
  void *first = c->held[direction];
  c->held[direction] = NULL;
  if (c->direction[direction] & IN_PIPE) {
    pipe_give(loop, first);
    return;
  }
  c->held[direction] = ((struct buffer *)first)->next;
  buffer_give(loop, first);
}

enum flushed hold_flush(struct loop *loop, struct connection *c, int direction) {
  while (c->held[direction] != NULL) {
    bool pipe = c->direction[direction] & IN_PIPE;
    enum flushed flushed = pipe ? pipe_flush(loop, c, direction, c->held[direction])
                                : buffer_flush(loop, c, direction, c->held[direction]);
    if (flushed != EMPTY) return flushed;
    drop_first(loop, c, direction);
  }
  return EMPTY;
}

void hold_drop(struct loop *loop, struct connection *c, int direction) {
  while (c->held[direction] != NULL) drop_first(loop, c, direction);
}

void hold_turn(struct loop *loop) {
  if (loop->pools.until != 0 && loop->now >= loop->pools.until) hold_free_pools(loop);
}

uint64_t hold_due(const struct loop *loop) { return loop->pools.until == 0 ? NEVER : loop->pools.until; }

void hold_free_pools(struct loop *loop) {
  while (loop->pools.buffers != NULL) {
    struct buffer *buffer = loop->pools.buffers;
    loop->pools.buffers = buffer->next;
    free(buffer);
  }
  while (loop->pools.pipes != NULL) {
    struct pipe *pipe = loop->pools.pipes;
    loop->pools.pipes = pipe->next;
    pipe_free(loop, pipe);
  }
  loop->pools.buffer_count = loop->pools.pipe_count = 0;
  loop->pools.until = 0;
}

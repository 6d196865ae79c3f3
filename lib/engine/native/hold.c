// Bytes that were read and could not be written yet. Small amounts are held in buffers, streams in pipes, through which
// splice(2) moves them without copying; pools.c supplies both. While a direction holds bytes its source is not read.
// That is the back-pressure, and it bounds memory.
#include "bal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
  struct buffer *behind = c->held[CLIENT]; // never a pipe: nothing has been relayed yet
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

/** Sends the rest of a buffer. */
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
    if (put == 0) return SINK_FAILED; // cannot happen: the pipe is not empty
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return STILL_HELD;
    if (!system_is_missing(errno)) return SINK_FAILED;
    // Splicing in works but splicing out does not: read the bytes back out and send them.
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

bool hold_view(const struct connection *c, int direction, struct holding *held) {
  *held = (struct holding){.out = -1, .in = -1};
  const struct buffer *buffer = c->held[direction];
  if (buffer != NULL && c->direction[direction] & IN_PIPE) {
    const struct pipe *pipe = c->held[direction];
    if (pipe->length > 0) *held = (struct holding){.out = pipe->out, .in = pipe->in, .piped = pipe->length};
    buffer = pipe->front;
  }
  if (buffer == NULL) return true;
  held->bytes = buffer->bytes + buffer->from;
  held->length = buffer->to - buffer->from;
  return !buffer->uncounted;
}

void hold_release(struct loop *loop, struct connection *c, int direction) {
  struct pipe *pipe = c->held[direction];
  if (pipe != NULL && c->direction[direction] & IN_PIPE && pipe->length > 0) {
    c->held[direction] = NULL;
    if (pipe->front != NULL) buffer_give(loop, pipe->front);
    pipe_release(loop, pipe);
  }
  hold_drop(loop, c, direction);
}

bool hold_adopt(struct loop *loop, struct connection *c, int direction, const struct holding *held) {
  if (held->length > 0 && !hold_bytes(loop, c, direction, held->bytes, held->length)) return false;
  if (held->piped == 0) return true;
  struct pipe *pipe = pipe_adopt(loop, held->out, held->in, held->piped);
  if (pipe == NULL) return false;
  pipe->front = c->held[direction];
  c->held[direction] = pipe;
  c->direction[direction] |= IN_PIPE;
  return true;
}

// Unused buffers and pipes. Connections return them as soon as they are empty, so an idle connection holds none. A pool
// unused for a second is emptied.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  POOLED_BUFFERS = 16,
  POOLED_PIPES = 16,
  PIPES_AT_MOST = 64, // 128 descriptors; a stream that gets no pipe is copied
  // The more a splice moves, the cheaper each byte. But bytes in a pipe take memory, and a user may have 64 MiB in
  // pipes above 64 KiB. Few pipes are in use at a time unless readers are slow, so a few large ones do most of the
  // work.
  LARGE_PIPES = 4,
  LARGE_PIPE_BYTES = 1024 * 1024,
  PIPE_BYTES = 256 * 1024,
  KEPT_MS = 1000,
};

struct buffer *buffer_take(struct loop *loop) {
  struct buffer *buffer = loop->pools.buffers;
  if (buffer == NULL) return malloc(sizeof *buffer);
  loop->pools.buffers = buffer->next;
  loop->pools.buffer_count--;
  return buffer;
}

void buffer_give(struct loop *loop, struct buffer *buffer) {
  if (loop->pools.buffer_count == POOLED_BUFFERS) {
    free(buffer);
    return;
  }
  buffer->next = loop->pools.buffers;
  loop->pools.buffers = buffer;
  loop->pools.buffer_count++;
  loop->pools.until = loop->now + KEPT_MS;
}

struct pipe *pipe_take(struct loop *loop, struct engine *engine) {
  struct pipe *pipe = loop->pools.pipes;
  if (pipe != NULL) {
    loop->pools.pipes = pipe->next;
    loop->pools.pipe_count--;
  } else {
    if (loop->pools.pipes_out >= PIPES_AT_MOST || (pipe = malloc(sizeof *pipe)) == NULL) return NULL;
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

void pipe_give(struct loop *loop, struct pipe *pipe) {
  loop->pools.pipes_out--;
  if (pipe->front != NULL) buffer_give(loop, pipe->front);
  pipe->front = NULL;
  if (pipe->length > 0 || loop->pools.pipe_count == POOLED_PIPES) {
    pipe_free(loop, pipe);
    return;
  }
  // Large ones come first.
  struct pipe **at = &loop->pools.pipes;
  if (!pipe->large && *at != NULL && (*at)->large) at = &(*at)->next;
  pipe->next = *at;
  *at = pipe;
  loop->pools.pipe_count++;
  loop->pools.until = loop->now + KEPT_MS;
}

struct pipe *pipe_adopt(struct loop *loop, int out, int in, uint32_t length) {
  struct pipe *pipe = malloc(sizeof *pipe);
  if (pipe == NULL) return NULL;
  *pipe = (struct pipe){.in = in, .out = out, .length = length, .large = fcntl(out, F_GETPIPE_SZ) > PIPE_BYTES};
  loop->pools.large_pipes += pipe->large;
  loop->pools.pipes_out++;
  return pipe;
}

void pipe_release(struct loop *loop, struct pipe *pipe) {
  loop->pools.large_pipes -= pipe->large;
  loop->pools.pipes_out--;
  free(pipe);
}

void pools_turn(struct loop *loop) {
  if (loop->pools.until != 0 && loop->now >= loop->pools.until) pools_free(loop);
}

uint64_t pools_due(const struct loop *loop) { return loop->pools.until == 0 ? NEVER : loop->pools.until; }

void pools_free(struct loop *loop) {
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

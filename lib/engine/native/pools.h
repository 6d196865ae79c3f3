// Buffers and pipes, in use and not.
#ifndef BAL_POOLS_H
#define BAL_POOLS_H

#include "base.h"

enum { BUFFER_BYTES = MESSAGE_BYTES };

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

struct pools {
  struct buffer *buffers; // unused ones
  struct pipe *pipes;     // unused ones
  uint32_t buffer_count, pipe_count, pipes_out, large_pipes;
  uint64_t until; // they are emptied then; 0: they are empty
};

struct buffer *buffer_take(struct loop *loop);
void buffer_give(struct loop *loop, struct buffer *buffer);
/** Null when there are enough, or none can be had. */
struct pipe *pipe_take(struct loop *loop, struct engine *engine);
void pipe_give(struct loop *loop, struct pipe *pipe);
/** One more in use, which was made elsewhere; null when there is no memory. */
struct pipe *pipe_adopt(struct loop *loop, int out, int in, uint32_t length);
/** It is in use elsewhere from now on: its ends stay open. */
void pipe_release(struct loop *loop, struct pipe *pipe);
/** Empties the pools, when nobody has needed them for a while … */
void pools_turn(struct loop *loop);
uint64_t pools_due(const struct loop *loop);
/** … or at once. */
void pools_free(struct loop *loop);

#endif

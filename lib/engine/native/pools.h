// Buffers and pipes, and pools of unused ones.
#ifndef BAL_POOLS_H
#define BAL_POOLS_H

#include "base.h"

enum { BUFFER_BYTES = MESSAGE_BYTES };

struct buffer {
  struct buffer *next; // in the pool, or held after this one
  uint32_t from, to;
  bool uncounted; // the policy's own bytes, not relayed
  char bytes[BUFFER_BYTES];
};

struct pipe {
  struct pipe *next;
  int in, out;
  uint32_t length; // bytes in the pipe
  bool large;
  struct buffer *front; // bytes taken back out because splicing out failed
};

struct pools {
  struct buffer *buffers; // unused ones
  struct pipe *pipes;     // unused ones
  uint32_t buffer_count, pipe_count, pipes_out, large_pipes;
  uint64_t until; // when to empty the pools; 0: they are empty
};

struct buffer *buffer_take(struct loop *loop);
void buffer_give(struct loop *loop, struct buffer *buffer);
/** Null when too many pipes are in use or none can be created. */
struct pipe *pipe_take(struct loop *loop, struct engine *engine);
void pipe_give(struct loop *loop, struct pipe *pipe);
/** Counts a pipe that another engine created as in use here. Null when out of memory. */
struct pipe *pipe_adopt(struct loop *loop, int out, int in, uint32_t length);
/** Stops counting a pipe that another engine now uses. Its ends stay open. */
void pipe_release(struct loop *loop, struct pipe *pipe);
/** Empties the pools when they have been unused for a while … */
void pools_turn(struct loop *loop);
uint64_t pools_due(const struct loop *loop);
/** … or at once. */
void pools_free(struct loop *loop);

#endif

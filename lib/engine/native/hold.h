// Bytes that were read and could not be written yet.
#ifndef BAL_HOLD_H
#define BAL_HOLD_H

#include "base.h"

struct buffer;
struct pipe;

struct pools {
  struct buffer *buffers; // unused ones
  struct pipe *pipes;     // unused ones
  uint32_t buffer_count, pipe_count, pipes_out, large_pipes;
  uint64_t until; // they are emptied then; 0: they are empty
};

enum flushed { EMPTY, STILL_HELD, SINK_FAILED };

/** Empties the pools, when nobody has needed them for a while … */
void hold_turn(struct loop *loop);
uint64_t hold_due(const struct loop *loop);
/** … or at once. */
void hold_free_pools(struct loop *loop);
/** Keeps bytes that could not be written; false when there is no memory. */
bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length);
/** Keeps bytes of ours for the backend, before what is held for it. They are not counted. */
bool hold_in_front(struct loop *loop, struct connection *c, const char *bytes, size_t length);
/** Splices from the source into a pipe; as splice(2), or -1 with ENOSYS when copying has to do. */
ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction);
enum flushed hold_flush(struct loop *loop, struct connection *c, int direction);
void hold_drop(struct loop *loop, struct connection *c, int direction);

#endif

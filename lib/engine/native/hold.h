// Bytes that were read and could not be written yet.
#ifndef BAL_HOLD_H
#define BAL_HOLD_H

#include "base.h"

enum flushed { EMPTY, STILL_HELD, SINK_FAILED };

/** What is held in a direction: bytes, and after them those in a pipe. */
struct holding {
  const char *bytes;
  uint32_t length;
  uint32_t piped; // 0: there is no pipe
  int out, in;    // its ends
};

/** Keeps bytes that could not be written; false when there is no memory. */
bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length);
/** Keeps bytes of ours for the backend, before what is held for it. They are not counted. */
bool hold_in_front(struct loop *loop, struct connection *c, const char *bytes, size_t length);
/** Splices from the source into a pipe; as splice(2), or -1 with ENOSYS when copying has to do. */
ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction);
enum flushed hold_flush(struct loop *loop, struct connection *c, int direction);
void hold_drop(struct loop *loop, struct connection *c, int direction);
/** False when there are bytes of ours among them. */
bool hold_view(const struct connection *c, int direction, struct holding *held);
/** What was viewed is somebody else's from now on: forgotten, and a pipe with bytes in it stays open. */
void hold_release(struct loop *loop, struct connection *c, int direction);
/** Holds what was somebody else's; false when there is no memory, and then the pipe stays open and is not ours. */
bool hold_adopt(struct loop *loop, struct connection *c, int direction, const struct holding *held);

#endif

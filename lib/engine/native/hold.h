// Bytes that were read and could not be written yet.
#ifndef BAL_HOLD_H
#define BAL_HOLD_H

#include "base.h"

enum flushed { EMPTY, STILL_HELD, SINK_FAILED };

/** The held bytes of a direction: those in memory, then those in a pipe. */
struct holding {
  const char *bytes;
  uint32_t length;
  uint32_t piped; // 0: there is no pipe
  int out, in;    // its ends
};

/** Holds bytes that could not be written. False when out of memory. */
bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length);
/** Holds the policy's bytes for the backend, ahead of what is already held. They are not counted. */
bool hold_in_front(struct loop *loop, struct connection *c, const char *bytes, size_t length);
/** Splices from the source into a pipe. As splice(2), or −1 with ENOSYS when the caller must copy. */
ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction);
enum flushed hold_flush(struct loop *loop, struct connection *c, int direction);
void hold_drop(struct loop *loop, struct connection *c, int direction);
/** Views the held bytes. False if the policy's own bytes are among them. */
bool hold_view(const struct connection *c, int direction, struct holding *held);
/** Gives up the held bytes after they were viewed for a handover. A pipe with bytes in it stays open. */
void hold_release(struct loop *loop, struct connection *c, int direction);
/** Holds bytes taken over from another engine. False when out of memory; the pipe then stays open and the caller's. */
bool hold_adopt(struct loop *loop, struct connection *c, int direction, const struct holding *held);

#endif

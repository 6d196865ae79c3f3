// The messages of a round, sent together.
#ifndef BAL_RING_H
#define BAL_RING_H

#include "base.h"

struct ring;

struct batch {
  struct ring *ring; // null: every message is sent by a call of its own
  int error;         // the errno for which there is none
  bool gathers;      // messages may be put aside
  uint32_t aside;    // bytes of them, at the beginning of `shared`
  /** Small messages pass through here. */
  char shared[ASIDE_BYTES + MESSAGE_BYTES];
};

/** Returns 0, or the errno for which messages are not sent together. */
int ring_open(struct loop *loop);
/** Messages are put aside from here … */
void ring_begin(struct loop *loop, int events);
/** … to here, and are sent. */
void ring_end(struct loop *loop);
/** One more message of at most ASIDE_EACH bytes can be put aside. Only with an open ring. */
bool ring_has_room(const struct loop *loop);
/** Puts a message aside, which has just been read into shared_room(). */
void ring_add(struct loop *loop, struct connection *c, int direction, size_t length);
/** Sends what is aside. May end connections, and JavaScript may run. */
void ring_send(struct loop *loop);
void ring_close(struct loop *loop);

#endif

// Sends the messages of a round together.
#ifndef BAL_RING_H
#define BAL_RING_H

#include "base.h"

struct ring;

struct batch {
  struct ring *ring; // null: each message takes a call of its own
  int error;         // why there is no ring
  bool gathers;      // messages may be put aside
  uint32_t aside;    // bytes put aside, at the start of `shared`
  /** The buffer that small messages pass through. */
  char shared[ASIDE_BYTES + MESSAGE_BYTES];
};

/** Returns 0, or the errno that prevents sending messages together. */
int ring_open(struct loop *loop);
/** Begins a round: messages may be put aside … */
void ring_begin(struct loop *loop, int events);
/** … until here, where they are sent. */
void ring_end(struct loop *loop);
/** Whether one more message of at most ASIDE_EACH bytes fits. Only with an open ring. */
bool ring_has_room(const struct loop *loop);
/** Puts aside a message that was just read into shared_room(). */
void ring_add(struct loop *loop, struct connection *c, int direction, size_t length);
/** Sends the messages put aside. May end connections and run JavaScript. */
void ring_send(struct loop *loop);
void ring_close(struct loop *loop);

#endif

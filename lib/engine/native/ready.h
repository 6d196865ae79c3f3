// The ready list: connections that continue in the next round without an event, because they used up their share of
// this one or have just been decided on.
#ifndef BAL_READY_H
#define BAL_READY_H

#include "base.h"

struct ready {
  uint32_t first, last, count;
};

void ready_init(struct loop *loop);
/** Runs each connection that is on the list now. */
void ready_turn(struct loop *loop);
uint64_t ready_due(const struct loop *loop);
/** Appends the connection to the list. */
void ready_add(struct loop *loop, struct connection *c);
void ready_remove(struct loop *loop, struct connection *c);

#endif

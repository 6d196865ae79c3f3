// Connections that go on in the next round, without an event: they have had their share of this one or were
// decided on.
#ifndef BAL_READY_H
#define BAL_READY_H

#include "base.h"

struct ready {
  uint32_t first, last, count;
};

void ready_init(struct loop *loop);
/** Each that is in the list has its turn. */
void ready_turn(struct loop *loop);
uint64_t ready_due(const struct loop *loop);
/** To the end of the list. */
void ready_add(struct loop *loop, struct connection *c);
void ready_remove(struct loop *loop, struct connection *c);

#endif

// Connect, idle and half-closed timeouts.
#ifndef BAL_WHEEL_H
#define BAL_WHEEL_H

#include "base.h"

enum { BUCKETS = 512, BUCKET_MS = 64 };

struct wheel {
  uint64_t tick; // the last one handled
  uint32_t bucket[BUCKETS];
  uint64_t occupied[BUCKETS / 64];
};

void wheel_init(struct loop *loop);
void wheel_turn(struct loop *loop);
uint64_t wheel_due(const struct loop *loop);
/** Skips the time in which the loop did not run. */
void wheel_skip(struct loop *loop);
/** Calls deadline_due() no earlier than `delay` ms after `since`. */
void wheel_add(struct loop *loop, struct connection *c, uint32_t since, uint32_t delay);
void wheel_remove(struct loop *loop, struct connection *c);

#endif

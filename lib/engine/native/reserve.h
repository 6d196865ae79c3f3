// Reserve descriptors, released one by one when there are no others.
#ifndef BAL_RESERVE_H
#define BAL_RESERVE_H

#include "base.h"

/** One for the backend of each client accepted in one turn, and one to accept with. */
enum { RESERVE = CLIENTS + 1 };

struct reserve {
  int fds[RESERVE];
  uint8_t count; // how many are open
};

/** Opens as many reserve descriptors as it can. True when the reserve is full. */
bool reserve_fill(struct loop *loop);
/** Whether the reserve suffices to accept and connect one client. */
bool reserve_serves_one(const struct loop *loop);
/** How many clients can count on descriptors. */
int reserve_serves(const struct loop *loop);
/** Releases one descriptor for other use; pauses accepting when too few are left. False when there is none. */
bool reserve_use(struct loop *loop);
void reserve_close(struct loop *loop);

#endif

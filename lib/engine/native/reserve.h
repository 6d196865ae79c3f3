// Spare descriptors, given up one by one when there are no others.
#ifndef BAL_RESERVE_H
#define BAL_RESERVE_H

#include "base.h"

/** One for the backend of each client that is accepted in one go, and one to accept with. */
enum { RESERVE = CLIENTS + 1 };

struct reserve {
  int fds[RESERVE];
  uint8_t count; // so many of them are there
};

/** As far as descriptors go; true when it is full. */
bool reserve_fill(struct loop *loop);
/** A client that is woken for can be accepted and connected. */
bool reserve_serves_one(const struct loop *loop);
/** So many clients find descriptors there, if need be. */
int reserve_serves(const struct loop *loop);
/** Gives up one descriptor for another use, and with the last ones accepting for now; false when there is none. */
bool reserve_use(struct loop *loop);
void reserve_close(struct loop *loop);

#endif

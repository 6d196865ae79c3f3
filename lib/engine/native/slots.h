// Storage for connections.
#ifndef BAL_SLOTS_H
#define BAL_SLOTS_H

#include "base.h"

struct slab;

struct slots {
  struct slab **slabs;
  uint32_t count, room; // slabs below `room` are full
  uint32_t spare;       // an empty slab kept in reserve
};

void slots_init(struct loop *loop);
struct connection *slot_take(struct loop *loop);
void slot_free(struct loop *loop, uint32_t index);
/** The connection with this id, or null. */
struct connection *slot_find(struct loop *loop, uint32_t index);
/** The client of a connection that is live, or over but not yet reported. NULL if there is none. */
const struct peer *slot_peer(struct loop *loop, uint32_t index);
struct connection *slot_at(struct loop *loop, uint32_t index);
/** An upper bound of all ids. */
uint32_t slot_limit(const struct loop *loop);
void slots_close(struct loop *loop);

#endif

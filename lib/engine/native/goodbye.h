// Connections of ours that have sent their FIN and are read until the peer's, so that a peer that still sends sees no
// reset (see hang-up.ts).
#ifndef BAL_GOODBYE_H
#define BAL_GOODBYE_H

#include <stdbool.h>
#include <stdint.h>

/** A goodbye, for whoever said it. `tag` is theirs. */
struct goodbye {
  int fd;
  uint32_t left;  // bytes that may still be read
  uint64_t until; // ms of libuv's clock
  uint64_t tag;
};

/** Zeroed: none. */
struct goodbyes {
  struct goodbye *list;
  uint32_t count, room;
};

/** Sends the FIN and takes over the descriptor. */
void goodbyes_say(struct goodbyes *goodbyes, int fd, uint64_t tag);
/**
 * Closes those whose peer has closed, that were sent too much, or whose time is over. `quiet` is called for each peer
 * that has closed without a byte; it may be null. Call it about every GOODBYE_SWEEP_MS as long as `count` is not 0.
 */
void goodbyes_sweep(struct goodbyes *goodbyes, void (*quiet)(void *context, uint64_t tag), void *context);
/** Closes all and frees the memory. */
void goodbyes_end(struct goodbyes *goodbyes);

enum { GOODBYE_SWEEP_MS = 100 };

#endif

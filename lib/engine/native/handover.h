// The record of a connection in transit between two engines, written by release.c and read by adopt.c. Its descriptors
// go with it, in this order: the client, the backend, then for each direction with bytes in a pipe that pipe's read end
// and write end. The bytes held in memory follow the record, the client's first. Numbers are in host byte order: the
// record never leaves the machine.
#ifndef BAL_HANDOVER_H
#define BAL_HANDOVER_H

#include "bal.h"

/** Bump this with any change below, or to the parts of connection.h that it uses. */
enum { HANDOVER_VERSION = 1 };

struct handover {
  uint32_t version;
  uint32_t size;                     // including the bytes that follow
  uint64_t last;                     // CLOCK_MONOTONIC in ms when the last byte, or the backend's FIN, moved
  uint64_t bytes[2];                 // relayed in each direction, since the client was accepted
  int32_t listener, service, target; // ids at the giver
  uint32_t held[2];                  // bytes in memory waiting for the direction's sink
  uint32_t piped[2];                 // bytes in a pipe after those; 0: there is no pipe
  uint8_t side[2], direction[2];     // flags, except those the descriptors imply
  uint8_t backend_first;             // the backend sent FIN before the client did
  uint8_t probed;                    // the backend's socket has keepalive probes
  struct peer peer;                  // the client
};
_Static_assert(sizeof(struct handover) == 88, "another layout is another version");

enum {
  HANDOVER_FDS = 6, // at most
  HANDED_SIDE = READABLE | WRITABLE | HUNG_UP | BROKEN | URGENT | SENT | NO_DELAY,
  HANDED_DIRECTION = ENDED | PASSED_ON | STREAM | NO_SPLICE,
};

/** Why a connection cannot be released or adopted: entry n of HANDOVER_REFUSALS in handover.ts is −1 − n. */
enum refusal {
  NO_REFUSAL = 0,
  REFUSED_UNKNOWN = -2,
  REFUSED_BUSY = -3,
  REFUSED_VERSION = -4,
  REFUSED_MALFORMED = -5,
  REFUSED_EXHAUSTED = -6,
};

#endif

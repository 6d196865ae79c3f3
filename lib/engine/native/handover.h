// What a connection is between two engines: release.c writes this record and adopt.c reads it. It goes with the
// connection's descriptors, in this order: the client, the backend, then for each direction in which bytes lie in a
// pipe that pipe's end to read from and the one to write to. The bytes of both directions that are held in memory
// follow the record, the client's first. Numbers are those of this machine, which it does not leave.
#ifndef BAL_HANDOVER_H
#define BAL_HANDOVER_H

#include "bal.h"

/** Changes with anything below, and with what it takes from connection.h. */
enum { HANDOVER_VERSION = 1 };

struct handover {
  uint32_t version;
  uint32_t size;                     // with the bytes behind it
  uint64_t last;                     // ms of CLOCK_MONOTONIC when the last byte, or the backend's end, moved
  uint64_t bytes[2];                 // relayed in each direction, since the client was accepted
  int32_t listener, service, target; // as their ids are where it comes from
  uint32_t held[2];                  // bytes in memory that wait for the direction's sink
  uint32_t piped[2];                 // bytes in a pipe that wait behind those; 0: there is no pipe
  uint8_t side[2], direction[2];     // flags, but for what the descriptors tell
  uint8_t backend_first;             // the backend's end was read before the client's
  uint8_t probed;                    // the backend's socket has keepalive probes
  struct peer peer;                  // the client
};
_Static_assert(sizeof(struct handover) == 88, "another layout is another version");

enum {
  HANDOVER_FDS = 6, // at most
  HANDED_SIDE = READABLE | WRITABLE | HUNG_UP | BROKEN | URGENT | SENT | NO_DELAY,
  HANDED_DIRECTION = ENDED | PASSED_ON | STREAM | NO_SPLICE,
};

/** Why a connection cannot be released or adopted: as HANDOVER_REFUSALS of handover.ts, whose n-th is −1 − n. */
enum refusal {
  NO_REFUSAL = 0,
  REFUSED_UNKNOWN = -2,
  REFUSED_BUSY = -3,
  REFUSED_VERSION = -4,
  REFUSED_MALFORMED = -5,
  REFUSED_EXHAUSTED = -6,
};

#endif

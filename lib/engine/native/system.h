// System calls that may be missing, with fallbacks.
#ifndef BAL_SYSTEM_H
#define BAL_SYSTEM_H

#include "base.h"

/** Features that have not failed as missing so far. */
struct abilities {
  bool splice, splice_out, exclusive, accept4;
};

/** The ports that the kernel chooses from for outgoing connections: a range without those that are reserved. */
struct ports {
  uint16_t first, last;
  uint8_t reserved[65536 / 8]; // one bit for each
};

void system_probe(struct loop *loop);
/** Whether an outgoing connection may get this local port. */
static inline bool system_chooses(const struct ports *ports, uint16_t port) {
  return port >= ports->first && port <= ports->last && !(ports->reserved[port / 8] & 1 << port % 8);
}
/** Puts this thread under SCHED_BATCH; see system.c. */
void system_batch(void);
int system_accept(struct loop *loop, int fd, struct peer *peer);
/** Reads the socket's local address; family 0 on error. */
void system_local(int fd, struct peer *local);
/** Reads the address that all clients of this listening socket connect to; family 0: they may differ. */
void system_bound(int fd, struct peer *local);
ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out);
int system_add_listener(struct loop *loop, struct listener *listener);
void system_reset(int fd);
/** Makes close(2) send a reset. */
void system_will_reset(int fd);
bool system_is_missing(int error);
/** Whether a test disables this feature. */
bool system_disabled(const char *word);

#endif

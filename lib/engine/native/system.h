// System calls that may be missing, with fallbacks.
#ifndef BAL_SYSTEM_H
#define BAL_SYSTEM_H

#include "base.h"

/** Features that have not failed as missing so far. */
struct abilities {
  bool splice, splice_out, exclusive, accept4;
};

/** The kernel's range of local ports for outgoing connections. */
struct ports {
  uint16_t first, last;
};

void system_probe(struct loop *loop);
/** Puts this thread under SCHED_BATCH; see system.c. */
void system_batch(void);
int system_accept(struct loop *loop, int fd, struct peer *peer);
/** Reads the socket's local address. False on error. */
bool system_local(int fd, struct peer *local);
ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out);
int system_add_listener(struct loop *loop, struct listener *listener);
void system_reset(int fd);
/** Makes close(2) send a reset. */
void system_will_reset(int fd);
bool system_is_missing(int error);
/** Whether a test disables this feature. */
bool system_disabled(const char *word);

#endif

// System calls that may be missing, with what to do instead.
#ifndef BAL_SYSTEM_H
#define BAL_SYSTEM_H

#include "base.h"

/** What has not failed yet as missing. */
struct abilities {
  bool splice, splice_out, exclusive, accept4;
};

/** From which ports the kernel chooses one to connect from. */
struct ports {
  uint16_t first, last;
};

void system_probe(struct loop *loop);
/** From here on whoever this thread wakes need not be interrupted by it in turn; see there. */
void system_batch(void);
int system_accept(struct loop *loop, int fd, struct peer *peer);
/** The socket's own end; false when it has none. */
bool system_local(int fd, struct peer *local);
ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out);
int system_add_listener(struct loop *loop, struct listener *listener);
void system_reset(int fd);
/** Closing will be a reset. */
void system_will_reset(int fd);
bool system_is_missing(int error);
/** A test wants it to be missing. */
bool system_disabled(const char *word);

#endif

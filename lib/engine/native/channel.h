// A way from worker to worker for messages that carry descriptors: a Unix socket that keeps messages apart.
#ifndef BAL_CHANNEL_H
#define BAL_CHANNEL_H

#include "base.h"

#include <stddef.h>

/** Descriptors of one message: those of a connection, see handover.h. */
enum { CHANNEL_FDS = 6 };
/** What sending says. */
enum sent { WAS_SENT, IS_FULL, IS_OVER, TOO_LONG };
/** What receiving says instead of a length. */
enum { NOTHING_THERE = 0, CHANNEL_OVER = -1, CHANNEL_TORN = -2 };

/* channel-socket.c */
/** A socket that listens at `path`, for this user alone; < 0: −errno. A socket that was there is replaced. */
int channel_listen(const char *path);
/** A socket that is connected to `path`; < 0: −errno. Never waits. */
int channel_connect(const char *path);
/** Who has connected; < 0: −errno, EAGAIN when there is nobody, EPERM when it is another user. */
int channel_accept(int fd);
/** The process that has connected, as it was then; 0: nobody knows. */
int channel_peer(int fd);
enum sent channel_send(int fd, const void *bytes, size_t length, const int32_t *fds, size_t count);
/** The length of a message, its descriptors in `fds`, −1 behind them, or one of the above. */
ptrdiff_t channel_receive(int fd, void *bytes, size_t room, int32_t fds[CHANNEL_FDS]);

#endif

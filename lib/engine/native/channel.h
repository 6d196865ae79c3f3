// Messages with descriptors between workers, over a SOCK_SEQPACKET Unix socket.
#ifndef BAL_CHANNEL_H
#define BAL_CHANNEL_H

#include "base.h"

#include <stddef.h>

/** Descriptors per message: those of one connection, see handover.h. */
enum { CHANNEL_FDS = 6 };
/** Results of channel_send(). TOO_LONG also where a descriptor is none: trying again would not help either. */
enum sent { WAS_SENT, IS_FULL, IS_OVER, TOO_LONG };
/** Results of channel_receive() other than a length. */
enum { NOTHING_THERE = 0, CHANNEL_OVER = -1, CHANNEL_TORN = -2 };

/* channel-socket.c */
/** A socket that listens at `path`, for this user only; < 0: −errno. Replaces a socket that is already there. */
int channel_listen(const char *path);
/** A socket connected to `path`; < 0: −errno. Never blocks. */
int channel_connect(const char *path);
/** Accepts a peer; < 0: −errno, EAGAIN if nobody is waiting, EPERM if the peer is another user. */
int channel_accept(int fd);
/** The pid of the peer at the time it connected; 0: unknown. */
int channel_peer(int fd);
enum sent channel_send(int fd, const void *bytes, size_t length, const int32_t *fds, size_t count);
/** Returns the length of a message, with its descriptors in `fds` padded with −1; or one of the values above. */
ptrdiff_t channel_receive(int fd, void *bytes, size_t room, int32_t fds[CHANNEL_FDS]);

#endif

// Addresses in the form that system calls take.
#ifndef BAL_SOCKADDR_H
#define BAL_SOCKADDR_H

#include "base.h"

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un unix_path;
};

/** Returns the length; 0: not an address. `ip` may have a scope, which is cut off, or be a path with port 0. */
socklen_t sockaddr_read(union address *address, char *ip, uint16_t port);
/** Whether the address is on this machine, so that a connect completes within connect(2). */
bool sockaddr_is_local(const union address *address);
/**
 * Whether the socket's local address is `address`. A connect to a local port that nobody listens on can pick that port
 * as its own source port and so connect to itself.
 */
bool sockaddr_is_own(int fd, const union address *address);

#endif

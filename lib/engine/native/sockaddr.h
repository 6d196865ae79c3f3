// Addresses as the system calls want them.
#ifndef BAL_SOCKADDR_H
#define BAL_SOCKADDR_H

#include "base.h"

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un unix_path;
};

/** Its length; 0: it is none. `ip` may have a scope, which is cut off it, or is a path with port 0. */
socklen_t sockaddr_read(union address *address, char *ip, uint16_t port);
/** It leads to this machine: a connect is done when connect(2) returns. */
bool sockaddr_is_local(const union address *address);
/**
 * The socket's own end is that address. A connect to a port of this machine on which nobody listens can pick that very
 * port as its own, and so reach itself.
 */
bool sockaddr_is_own(int fd, const union address *address);

#endif

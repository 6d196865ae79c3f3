// Sockets that connect to find out whether anybody listens.
#ifndef BAL_TCP_CHECK_H
#define BAL_TCP_CHECK_H

#include "sockaddr.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** Where to connect to. Returns the length, 0 if it is no IP address. Cuts the scope off `ip`. */
socklen_t tcp_check_address(union address *address, char *ip, uint16_t port);
/** Starts a connect. Returns the descriptor or −errno. `source`: the source address, '' for any. */
int tcp_check_connect(const union address *address, socklen_t length, const char *source);
/** The same, from text. Cuts the scope off `ip`. */
int tcp_check_start(char *ip, uint16_t port, const char *source);
/** Whether it is connected already, as for addresses of this machine. */
bool tcp_check_is_accepted(int fd);
/** Returns 0 if it was accepted, else an errno. */
int tcp_check_error(int fd);

#endif

// Sockets that connect to find out whether anybody listens.
#ifndef BAL_TCP_CHECK_H
#define BAL_TCP_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Starts a connect. Returns the descriptor or −errno. Cuts the scope off `ip`. `source`: the source address, '' for
 * any.
 */
int tcp_check_start(char *ip, uint16_t port, const char *source);
/** Whether it is connected already, as for addresses of this machine. */
bool tcp_check_is_accepted(int fd);
/** Returns 0 if it was accepted, else an errno. */
int tcp_check_error(int fd);
/** Reads at most `left` more bytes. True when it can be closed: the peer has closed, or has sent too much. */
bool tcp_check_is_over(int fd, uint32_t *left);

#endif

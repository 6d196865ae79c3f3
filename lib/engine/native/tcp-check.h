// Sockets that are connected to find out whether somebody listens.
#ifndef BAL_TCP_CHECK_H
#define BAL_TCP_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/** A descriptor that is being connected, or −errno. Cuts the scope off `ip`. `source`: where it comes from, '': any. */
int tcp_check_start(char *ip, uint16_t port, const char *source);
/** Whether it is connected already, as it is for addresses of this machine. */
bool tcp_check_is_accepted(int fd);
/** 0: it was accepted, or an errno. */
int tcp_check_error(int fd);
/** Reads at most `left` bytes more; true when it can be closed: the other side has closed, or said too much. */
bool tcp_check_is_over(int fd, uint32_t *left);

#endif

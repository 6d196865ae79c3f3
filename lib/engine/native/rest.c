// What the kernel knows of a connection that the engine has nothing to do for. A byte that was handed to the kernel may be
// on its way for long: a slow reader empties a send buffer of megabytes while nothing is read or written here. So before a
// connection is judged, the kernel is asked; only then, and so never while bytes flow.
#include "bal.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/** A stream on which bytes have moved within this time is in the middle, though nothing may lie here at this moment. */
enum { FLOWS_MS = 1000 };

static bool ask(int fd, struct tcp_info *info) {
  socklen_t length = sizeof *info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

bool rest_flows(const struct loop *loop, const struct connection *c) {
  if ((uint32_t)loop->now - c->last >= FLOWS_MS) return false;
  return (c->direction[CLIENT] & (STREAM | ENDED)) == STREAM || (c->direction[BACKEND] & (STREAM | ENDED)) == STREAM;
}

bool rest_is_whole(const struct loop *loop, const struct connection *c) {
  if (c->held[CLIENT] != NULL || c->held[BACKEND] != NULL || c->aside || rest_flows(loop, c)) return false;
  for (int side = 0; side < 2; side++) {
    struct tcp_info info;
    int unread;
    if (c->side[side] & BROKEN || ioctl(c->fd[side], SIOCINQ, &unread) != 0 || unread > 0) return false;
    // A reset that was not read yet.
    if (!ask(c->fd[side], &info) || info.tcpi_state == TCP_CLOSE) return false;
  }
  return true;
}

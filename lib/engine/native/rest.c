// What the kernel knows about a connection with no work for the engine. Bytes handed to the kernel may be on their way
// for long: a slow reader empties a send buffer of megabytes while nothing is read or written here. So the kernel is
// asked before a connection is judged. Only then, and so never while bytes flow.
#include "bal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/** Number of probes after the configured silence, and the pause between them. */
enum { PROBES = 6, PROBE_EVERY_S = 10, LONGEST_SILENCE_S = 32767 };
/** This many retransmissions in a row are not a loss that repairs itself at once. */
enum { RETRANSMITS = 3, SOON_MS = 1000 };
/**
 * A direction that has carried this much, and got bytes within this time, may be in the middle of an answer even though
 * nothing is held or unread: a stream that is read as fast as it comes never has anything there.
 */
enum { FLOWS_BYTES = 4096, FLOWS_MS = 1000 };

static bool ask(int fd, struct tcp_info *info) {
  socklen_t length = sizeof *info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

bool rest_flows(const struct connection *c) {
  for (int side = 0; side < 2; side++) {
    struct tcp_info info;
    if (c->direction[side] & ENDED || c->bytes[side] < FLOWS_BYTES) continue;
    // The kernel cannot tell for a Unix socket. Use the time of the connection's last byte instead.
    bool is_known = ask(c->fd[side], &info);
    uint32_t since = is_known ? info.tcpi_last_data_recv : (uint32_t)c->listener->engine->loop->now - c->last;
    if (since < FLOWS_MS) return true;
  }
  return false;
}

bool rest_is_whole(const struct connection *c) {
  if (c->held[CLIENT] != NULL || c->held[BACKEND] != NULL || c->aside) return false;
  for (int side = 0; side < 2; side++) {
    struct tcp_info info;
    int unread;
    if (c->side[side] & BROKEN || ioctl(c->fd[side], SIOCINQ, &unread) != 0 || unread > 0) return false;
    // A reset that has not been read yet.
    if (ask(c->fd[side], &info) ? info.tcpi_state == TCP_CLOSE : errno != EOPNOTSUPP) return false;
  }
  return true;
}

/** Ms since the side sent or acknowledged bytes. Keepalive and window probes do not count. */
static uint32_t side_quiet(int fd) {
  struct tcp_info info;
  if (!ask(fd, &info)) return UINT32_MAX;
  // Retransmissions move nothing.
  uint32_t sent = info.tcpi_retransmits > 0 ? info.tcpi_last_ack_recv : info.tcpi_last_data_sent;
  return sent < info.tcpi_last_data_recv ? sent : info.tcpi_last_data_recv;
}

void rest_ask(const struct loop *loop, struct connection *c) {
  uint32_t client = side_quiet(c->fd[CLIENT]), backend = side_quiet(c->fd[BACKEND]);
  uint32_t quiet = client < backend ? client : backend;
  // The kernel counts from now, but the loop's clock may lag.
  uint32_t moved = (uint32_t)(uv_hrtime() / 1000000) - quiet, now = (uint32_t)loop->now;
  if (quiet == UINT32_MAX || (int32_t)(moved - c->last) <= 0) return;
  c->last = (int32_t)(moved - now) > 0 ? now : moved;
}

void rest_keep_alive(int fd, uint32_t silence_ms) {
  int on = silence_ms > 0, probes = PROBES, every = PROBE_EVERY_S;
  uint32_t seconds = silence_ms / 1000 + (silence_ms % 1000 > 0);
  int silence = seconds > LONGEST_SILENCE_S ? LONGEST_SILENCE_S : (int)seconds;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (!on) return;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  // Last, because it arms the timer, with what is left if the silence has already begun.
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof silence);
}

uint32_t rest_hope(const struct connection *c, int side) {
  struct tcp_info info;
  if (!ask(c->fd[side], &info) || info.tcpi_unacked == 0 || info.tcpi_retransmits == 0) return UINT32_MAX;
  uint32_t most = service_of(c)->keepalive_ms + PROBES * PROBE_EVERY_S * 1000;
  if (info.tcpi_last_ack_recv < most) return most - info.tcpi_last_ack_recv;
  return info.tcpi_retransmits < RETRANSMITS ? SOON_MS : 0;
}

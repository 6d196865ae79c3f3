// The sockets of tcp-check.c.
#include "tcp-check.h"
#include "bal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t address_of(const char *ip, uint16_t port, struct sockaddr_storage *address) {
  struct peer peer;
  memset(address, 0, sizeof *address);
  if (!peer_read(&peer, ip, port)) return 0;
  address->ss_family = peer.family;
  if (peer.family == AF_INET) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    v4->sin_port = peer.port;
    memcpy(&v4->sin_addr, peer.ip, sizeof v4->sin_addr);
    return sizeof *v4;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  v6->sin6_port = peer.port;
  memcpy(&v6->sin6_addr, peer.ip, sizeof v6->sin6_addr);
  return sizeof *v6;
}

int tcp_check_start(const char *ip, uint16_t port, const char *source) {
  struct sockaddr_storage address, own;
  socklen_t length = address_of(ip, port, &address);
  if (length == 0 || (*source != '\0' && address_of(source, 0, &own) != length)) return -EINVAL;
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), on = 1;
  if (fd < 0) return -errno;
  int failed = 0;
  if (*source != '\0') {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    failed = bind(fd, (struct sockaddr *)&own, length);
  }
  if (failed == 0) failed = connect(fd, (struct sockaddr *)&address, length);
  if (failed == 0 || errno == EINPROGRESS) return fd;
  int error = errno;
  close(fd);
  return -error;
}

/**
 * A connect to a port of this machine on which nobody listens can pick that very port as its own, and so reach itself.
 */
static bool reached_itself(int fd) {
  struct sockaddr_storage own, other;
  socklen_t own_length = sizeof own, other_length = sizeof other;
  memset(&own, 0, sizeof own);
  memset(&other, 0, sizeof other);
  return getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 &&
         getpeername(fd, (struct sockaddr *)&other, &other_length) == 0 && own_length == other_length &&
         memcmp(&own, &other, own_length) == 0;
}

int tcp_check_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error == 0 && reached_itself(fd) ? ECONNREFUSED : error;
}

bool tcp_check_is_over(int fd, uint32_t *left) {
  for (;;) {
    // The bytes are thrown away where they are.
    ssize_t got = recv(fd, NULL, *left, MSG_TRUNC);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got > 0 && (*left -= (uint32_t)got) == 0) return true;
  }
}

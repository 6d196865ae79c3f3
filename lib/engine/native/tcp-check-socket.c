// The sockets of tcp-check.c.
#include "tcp-check.h"
#include "bal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/** Returns 0 or an errno. */
static int bind_to(const char *source, int family, int fd) {
  struct sources *sources = sources_read(source, family);
  if (sources == NULL) return errno;
  int error = sources_bind(sources, fd);
  free(sources);
  return error;
}

/** Whether the descriptor is one of those that checks leave to others, as in lib/primary/upstream/health/spare.ts. */
static bool is_spare(int fd) {
  // Node.js has raised the limit at its start. A process in which the first checks of two threads meet reads it twice.
  static _Atomic int spare_from;
  if (unlikely(spare_from == 0)) {
    struct rlimit limit = {.rlim_cur = INT32_MAX};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur > INT32_MAX) limit.rlim_cur = INT32_MAX;
    spare_from = (int)(limit.rlim_cur - limit.rlim_cur / 4);
  }
  return fd >= spare_from;
}

int tcp_check_connect(const union address *address, socklen_t length, const char *source) {
  int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -errno;
  if (is_spare(fd)) return close(fd), -EMFILE;
  // The FIN follows at once and carries the acknowledgement of the handshake: one segment and one wake-up of the
  // server less.
  int quick = 0;
  setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof quick);
  int error = *source == '\0' ? 0 : bind_to(source, address->any.sa_family, fd);
  if (error == 0 && connect(fd, &address->any, length) != 0 && errno != EINPROGRESS) error = errno;
  if (error == 0) return fd;
  close(fd);
  return -error;
}

socklen_t tcp_check_address(union address *address, char *ip, uint16_t port) {
  socklen_t length = sockaddr_read(address, ip, port);
  return length == 0 || address->any.sa_family == AF_UNIX ? 0 : length;
}

int tcp_check_start(char *ip, uint16_t port, const char *source) {
  union address address;
  socklen_t length = tcp_check_address(&address, ip, port);
  return length == 0 ? -EINVAL : tcp_check_connect(&address, length, source);
}

/** False if the socket is not connected. */
static bool read_peer(int fd, union address *peer) {
  socklen_t length = sizeof *peer;
  return getpeername(fd, &peer->any, &length) == 0;
}

static bool reached_itself(int fd) {
  union address peer;
  return read_peer(fd, &peer) && sockaddr_is_own(fd, &peer);
}

bool tcp_check_is_accepted(int fd) {
  union address peer;
  return read_peer(fd, &peer) && !sockaddr_is_own(fd, &peer);
}

int tcp_check_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error == 0 && reached_itself(fd) ? ECONNREFUSED : error;
}

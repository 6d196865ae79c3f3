// The sockets of tcp-check.c.
#include "tcp-check.h"
#include "bal.h"

#include <errno.h>
#include <stdlib.h>
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

int tcp_check_start(char *ip, uint16_t port, const char *source) {
  union address address;
  socklen_t length = sockaddr_read(&address, ip, port);
  if (length == 0 || address.any.sa_family == AF_UNIX) return -EINVAL;
  int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -errno;
  int error = *source == '\0' ? 0 : bind_to(source, address.any.sa_family, fd);
  if (error == 0 && connect(fd, &address.any, length) != 0 && errno != EINPROGRESS) error = errno;
  if (error == 0) return fd;
  close(fd);
  return -error;
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

bool tcp_check_is_over(int fd, uint32_t *left) {
  for (;;) {
    // Drops the bytes in the kernel.
    ssize_t got = recv(fd, NULL, *left, MSG_TRUNC);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got > 0 && (*left -= (uint32_t)got) == 0) return true;
  }
}

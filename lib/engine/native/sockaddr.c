#include "sockaddr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static socklen_t read_path(struct sockaddr_un *address, const char *path) {
  size_t length = strlen(path);
  if (length >= sizeof address->sun_path) return 0;
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length + 1);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

socklen_t sockaddr_read(union address *address, char *ip, uint16_t port) {
  memset(address, 0, sizeof *address);
  if (ip[0] == '/') return port == 0 ? read_path(&address->unix_path, ip) : 0;
  if (port == 0) return 0;
  char *scope = strchr(ip, '%');
  if (scope != NULL) *scope++ = '\0';
  if (scope == NULL && inet_pton(AF_INET, ip, &address->v4.sin_addr) == 1) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    return sizeof address->v4;
  }
  if (inet_pton(AF_INET6, ip, &address->v6.sin6_addr) != 1) return 0;
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons(port);
  address->v6.sin6_scope_id = scope != NULL ? if_nametoindex(scope) : 0;
  return sizeof address->v6;
}

bool sockaddr_is_local(const union address *address) {
  switch (address->any.sa_family) {
  case AF_UNIX:
    return true;
  case AF_INET:
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  default:
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
  }
}

bool sockaddr_is_own(int fd, const union address *address) {
  union address own = {0};
  socklen_t length = sizeof own;
  if (getsockname(fd, &own.any, &length) != 0 || own.any.sa_family != address->any.sa_family) return false;
  if (own.v6.sin6_port != address->v6.sin6_port) return false; // at the same offset in both
  if (own.any.sa_family == AF_INET) return own.v4.sin_addr.s_addr == address->v4.sin_addr.s_addr;
  return own.any.sa_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&own.v6.sin6_addr, &address->v6.sin6_addr);
}

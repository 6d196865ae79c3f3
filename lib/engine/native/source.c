// Source addresses for connections to a target, used in turn. connect(2) chooses the port, because it knows the
// destination: so one address has all its ports for each backend, not for all backends together.
#include "bal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct sources {
  int family;
  uint32_t count, next;
  uint8_t list[][sizeof(struct in6_addr)];
};

struct sources *sources_read(const char *text, int family) {
  size_t most = 1;
  for (const char *at = text; *at != '\0'; at++) most += *at == ',';
  struct sources *sources = calloc(1, sizeof *sources + most * sizeof *sources->list);
  if (sources == NULL) return NULL;
  sources->family = family;
  for (const char *at = text;; at++) {
    char one[INET6_ADDRSTRLEN];
    size_t length = strcspn(at, ",");
    uint8_t other[sizeof(struct in6_addr)];
    if (length < sizeof one) {
      memcpy(one, at, length);
      one[length] = '\0';
      if (inet_pton(family, one, sources->list[sources->count]) == 1) sources->count++;
      else if (inet_pton(family == AF_INET ? AF_INET6 : AF_INET, one, other) != 1) length = sizeof one;
    }
    if (length >= sizeof one) {
      free(sources);
      errno = EINVAL;
      return NULL;
    }
    at += length;
    if (*at == '\0') return sources;
  }
}

int sources_bind(struct sources *sources, int fd) {
  if (sources->count == 0) return EADDRNOTAVAIL;
  const uint8_t *ip = sources->list[sources->next];
  if (++sources->next >= sources->count) sources->next = 0;
  int on = 1;
  // Without it (before Linux 4.2) bind(2) chooses the port, from one range for all backends.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  bool is_v4 = sources->family == AF_INET;
  memcpy(is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr, ip, is_v4 ? sizeof v4.sin_addr : sizeof v6.sin6_addr);
  int failed = is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof v4) : bind(fd, (struct sockaddr *)&v6, sizeof v6);
  return failed == 0 ? 0 : errno;
}

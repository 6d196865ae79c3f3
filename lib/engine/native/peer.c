// Client addresses as text. IPv4 is formatted by hand, because inet_ntop and snprintf take ten times as long and a
// connection's log record is mostly that.
#include "bal.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/** Writes at most five digits. Returns their end. */
static char *write_number(char *at, unsigned value) {
  char digits[5];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

char *peer_write(const struct peer *peer, char *at) {
  if (peer == NULL) return at;
  if (peer->family == AF_INET) {
    for (int i = 0; i < 4; i++) {
      at = write_number(at, peer->ip[i]);
      *at++ = i < 3 ? '.' : ':';
    }
  } else if (peer->family == AF_INET6 && inet_ntop(AF_INET6, peer->ip, at + 1, INET6_ADDRSTRLEN) != NULL) {
    *at = '[';
    at += strlen(at);
    *at++ = ']';
    *at++ = ':';
  } else {
    if (peer->family != AF_UNIX) return at;
    memcpy(at, "unix", 4);
    return at + 4;
  }
  return write_number(at, ntohs(peer->port));
}

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

void peer_set(struct peer *peer, const uint8_t *bytes, uint16_t port) {
  bool is_ipv4 = memcmp(bytes, MAPPED, sizeof MAPPED) == 0;
  size_t from = is_ipv4 ? sizeof MAPPED : 0;
  *peer = (struct peer){.port = htons(port), .family = is_ipv4 ? AF_INET : AF_INET6};
  memcpy(peer->ip, bytes + from, PEER_BYTES - from);
}

bool peer_bytes(const struct peer *peer, uint8_t *bytes) {
  if (peer == NULL || (peer->family != AF_INET && peer->family != AF_INET6)) return false;
  if (peer->family == AF_INET6) {
    memcpy(bytes, peer->ip, PEER_BYTES);
    return true;
  }
  memcpy(bytes, MAPPED, sizeof MAPPED);
  memcpy(bytes + sizeof MAPPED, peer->ip, PEER_BYTES - sizeof MAPPED);
  return true;
}

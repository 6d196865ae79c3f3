// System calls that an old kernel or a seccomp filter may lack, with fallbacks.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool system_is_missing(int error) {
  return error == ENOSYS || error == EINVAL || error == EPERM || error == EOPNOTSUPP;
}

/** BAL_NATIVE_DISABLE=splice,splice_out,exclusive,accept4,batch,uring,uring_short makes these fail as if missing. */
bool system_disabled(const char *word) {
  const char *list = getenv("BAL_NATIVE_DISABLE");
  size_t length = strlen(word);
  for (const char *at = list; at != NULL && (at = strstr(at, word)) != NULL; at += length) {
    if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return true;
  }
  return false;
}

/** Reads the kernel's list of reserved ports, such as `8080,9001-9064`. */
static void read_reserved(struct ports *ports) {
  FILE *file = fopen("/proc/sys/net/ipv4/ip_local_reserved_ports", "re");
  if (file == NULL) return;
  unsigned first, last;
  for (int next = ','; next == ',' && fscanf(file, "%u", &first) == 1;) {
    last = first;
    next = fgetc(file);
    if (next == '-') next = fscanf(file, "%u", &last) == 1 ? fgetc(file) : EOF;
    for (; first <= last && last <= 65535; first++) ports->reserved[first / 8] |= (uint8_t)(1 << first % 8);
  }
  fclose(file);
}

void system_probe(struct loop *loop) {
  loop->can.splice = !system_disabled("splice");
  loop->can.splice_out = !system_disabled("splice_out");
  loop->can.exclusive = !system_disabled("exclusive");
  loop->can.accept4 = !system_disabled("accept4");
  loop->ports.first = 1024;
  loop->ports.last = 65535;
  read_reserved(&loop->ports);
  FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
  if (file == NULL) return;
  unsigned first, last;
  if (fscanf(file, "%u %u", &first, &last) == 2 && first <= last && last <= 65535) {
    loop->ports.first = (uint16_t)first;
    loop->ports.last = (uint16_t)last;
  }
  fclose(file);
}

/**
 * Puts this thread under SCHED_BATCH, unless someone has chosen another policy for it. Such a thread does not preempt
 * the one that wakes it. A client or backend on the same core keeps sending until it is done or its time is up. The
 * worker then finds several events at once, for one context switch instead of one per event. Its share of the CPU is
 * the same.
 */
void system_batch(void) {
  struct sched_param none = {0};
  if (!system_disabled("batch") && sched_getscheduler(0) == SCHED_OTHER) sched_setscheduler(0, SCHED_BATCH, &none);
}

static void remember(struct peer *peer, const struct sockaddr_in6 *address) {
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
  peer->family = (uint8_t)address->sin6_family;
  if (address->sin6_family == AF_UNIX) return; // unnamed, or with a name that says nothing
  peer->port = address->sin6_port; // at the same offset in both
  if (address->sin6_family == AF_INET) memcpy(peer->ip, &v4->sin_addr, sizeof v4->sin_addr);
  else memcpy(peer->ip, &address->sin6_addr, sizeof address->sin6_addr);
}

void system_local(int fd, struct peer *local) {
  struct sockaddr_in6 address = {0};
  socklen_t length = sizeof address;
  *local = (struct peer){0};
  if (getsockname(fd, (struct sockaddr *)&address, &length) == 0) remember(local, &address);
}

void system_bound(int fd, struct peer *local) {
  static const uint8_t any[sizeof local->ip];
  int transparent = 1;
  socklen_t length = sizeof transparent;
  system_local(fd, local);
  if (local->family == AF_UNIX) return;
  // Clients of a transparent socket may have connected to any address.
  if (getsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &transparent, &length) != 0 || transparent != 0 ||
      memcmp(local->ip, any, sizeof any) == 0) {
    local->family = 0;
  }
}

int system_accept(struct loop *loop, int fd, struct peer *peer) {
  struct sockaddr_in6 address = {0};
  socklen_t length = sizeof address;
  int client = -1;
  if (likely(loop->can.accept4)) {
    client = accept4(fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0 && errno != ENOSYS && errno != EINVAL && errno != EPERM) return -1;
    // EPERM may come from a firewall, EINVAL from a socket that does not listen: try accept(2) as well.
    if (client < 0 && errno == ENOSYS) loop->can.accept4 = false;
  }
  if (client < 0) {
    client = accept(fd, (struct sockaddr *)&address, &length);
    if (client < 0) return -1;
    if (fcntl(client, F_SETFD, FD_CLOEXEC) != 0 || fcntl(client, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
      int error = errno;
      close(client);
      errno = error;
      return -1;
    }
  }
  remember(peer, &address);
  return client;
}

ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out) {
  if (unlikely(out ? !loop->can.splice_out : !loop->can.splice)) {
    errno = ENOSYS;
    return -1;
  }
  return splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int system_add_listener(struct loop *loop, struct listener *listener) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(uintptr_t)listener | FOR_LISTENER};
  if (loop->can.exclusive) {
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, listener->fd, &event) == 0) return 0;
    if (!system_is_missing(errno)) return errno;
    loop->can.exclusive = false; // before Linux 4.5: each client wakes every worker, but all still works
    event.events = EPOLLIN;
  }
  return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, listener->fd, &event) == 0 ? 0 : errno;
}

void system_will_reset(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void system_reset(int fd) {
  system_will_reset(fd);
  close(fd);
}

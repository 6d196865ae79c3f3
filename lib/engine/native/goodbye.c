#include "goodbye.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { AT_FIRST = 64, AT_MOST = 65536, LINGER_MS = 1000, LINGER_BYTES = 256 * 1024 };

static bool grow(struct goodbyes *goodbyes) {
  uint32_t room = goodbyes->room == 0 ? AT_FIRST : 2 * goodbyes->room;
  struct goodbye *list = room > AT_MOST ? NULL : realloc(goodbyes->list, room * sizeof *list);
  if (list == NULL) return false;
  goodbyes->list = list;
  goodbyes->room = room;
  return true;
}

void goodbyes_say(struct goodbyes *goodbyes, int fd, uint64_t tag) {
  if (goodbyes->count == goodbyes->room && !grow(goodbyes)) {
    close(fd);
    return;
  }
  shutdown(fd, SHUT_WR);
  uint64_t until = uv_hrtime() / 1000000 + LINGER_MS;
  goodbyes->list[goodbyes->count++] = (struct goodbye){.fd = fd, .left = LINGER_BYTES, .until = until, .tag = tag};
}

/** Reads and drops what came. True when it can be closed. */
static bool is_over(struct goodbye *one) {
  for (;;) {
    // Drops the bytes in the kernel.
    ssize_t got = recv(one->fd, NULL, one->left, MSG_TRUNC);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got > 0 && (one->left -= (uint32_t)got) == 0) return true;
  }
}

void goodbyes_sweep(struct goodbyes *goodbyes, void (*quiet)(void *context, uint64_t tag), void *context) {
  uint64_t now = uv_hrtime() / 1000000;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < goodbyes->count; i++) {
    struct goodbye *one = &goodbyes->list[i];
    bool over = is_over(one);
    if (over && one->left == LINGER_BYTES && quiet != NULL) quiet(context, one->tag);
    if (over || now >= one->until) close(one->fd);
    else goodbyes->list[kept++] = *one;
  }
  goodbyes->count = kept;
}

void goodbyes_end(struct goodbyes *goodbyes) {
  for (uint32_t i = 0; i < goodbyes->count; i++) close(goodbyes->list[i].fd);
  free(goodbyes->list);
  *goodbyes = (struct goodbyes){0};
}

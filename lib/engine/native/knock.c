// Whether somebody listens: connects that are over as soon as they stand, many at once. The primary's checks of type
// `tcp` are these. A socket of Node's costs twice what its system calls do, and JavaScript is called for all that have
// ended together.
//
//   openKnocks(wake) → knocks                wake() is called as long as some have ended and were not heard of
//   knocks.knock(ip, port, source) → its number, or −errno; `source`: the address that it comes from, '': any
//   knocks.heard(results) → how many have ended: [number, 0 or errno] each; 0: it stood
//   knocks.cancel(number)                    of one that has not been heard of
//   knocks.sweep() → how many that stood have still to be closed: to be called again while there are some
//   knocks.close()                           nothing else may be called afterwards
#include "knock.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  KNOCKS_AT_MOST = 65536,
  AT_ONCE = 64, // events that are asked for at a time
  LINGER_MS = 1000,
  LINGER_BYTES = 256 * 1024,
};

/** UNDER_WAY ones are in the epoll set; those that say goodbye are in a list, and free ones in another. */
enum stage { UNUSED, KNOCKING, GOODBYE };

struct knock {
  int fd;
  enum stage stage;
  uint32_t next;
  uint32_t left;  // bytes that are still read
  uint64_t until; // ms of libuv's clock
};

struct knocks {
  struct watch watch; // of an epoll set
  struct knock *list;
  uint32_t room, free, goodbyes, parting;
};

static const struct watch_kind KNOCKS;

static void set_free(struct knocks *knocks, uint32_t number) {
  struct knock *knock = &knocks->list[number];
  if (knock->fd >= 0) close(knock->fd);
  *knock = (struct knock){.fd = -1, .stage = UNUSED, .next = knocks->free};
  knocks->free = number;
}

/** A free one's number; NONE without memory, or when there are too many. */
static uint32_t find_free(struct knocks *knocks) {
  if (knocks->free == NONE) {
    uint32_t room = knocks->room == 0 ? AT_ONCE : 2 * knocks->room;
    struct knock *list = room > KNOCKS_AT_MOST ? NULL : realloc(knocks->list, room * sizeof *list);
    if (list == NULL) return NONE;
    knocks->list = list;
    for (; knocks->room < room; knocks->room++) {
      list[knocks->room].fd = -1;
      set_free(knocks, knocks->room);
    }
  }
  uint32_t number = knocks->free;
  knocks->free = knocks->list[number].next;
  return number;
}

static napi_value knock(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  struct knocks *knocks = (struct knocks *)watch_enter(env, info, &KNOCKS, 3, argv);
  char ip[INET6_ADDRSTRLEN + 1] = "", source[INET6_ADDRSTRLEN + 1] = "";
  size_t length;
  int64_t port;
  if (knocks == NULL || !integer(env, argv[1], 0, UINT16_MAX, "port", &port)) return NULL;
  napi_get_value_string_utf8(env, argv[0], ip, sizeof ip, &length);
  napi_get_value_string_utf8(env, argv[2], source, sizeof source, &length);
  uint32_t number_of = find_free(knocks);
  if (number_of == NONE) return number(env, -ENOMEM);
  int fd = knock_start(ip, (uint16_t)port, source);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = number_of};
  int error = fd < 0 ? -fd : epoll_ctl(knocks->watch.fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
  knocks->list[number_of].fd = fd;
  if (error != 0) {
    set_free(knocks, number_of);
    return number(env, -error);
  }
  knocks->list[number_of].stage = KNOCKING;
  return number(env, number_of);
}

/** 0, with the goodbye said, or an errno. */
static int outcome(struct knocks *knocks, uint32_t number_of) {
  struct knock *one = &knocks->list[number_of];
  int error = knock_error(one->fd);
  // It stood, and was reset before this process looked: a busy machine must not make another result of that.
  if (error == ECONNRESET || error == EPIPE) return set_free(knocks, number_of), 0;
  if (error != 0) return set_free(knocks, number_of), error;
  // Not with a reset: hang-up.ts says why.
  shutdown(one->fd, SHUT_WR);
  *one = (struct knock){.fd = one->fd, .stage = GOODBYE, .next = knocks->goodbyes, .left = LINGER_BYTES};
  one->until = uv_hrtime() / 1000000 + LINGER_MS;
  knocks->goodbyes = number_of;
  knocks->parting++;
  return 0;
}

static napi_value heard(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct knocks *knocks = (struct knocks *)watch_enter(env, info, &KNOCKS, 1, argv);
  struct epoll_event events[AT_ONCE];
  int32_t *results;
  size_t room;
  if (knocks == NULL || !integers(env, argv[0], 2, "results", &results, &room)) return NULL;
  int most = room / 2 < AT_ONCE ? (int)(room / 2) : AT_ONCE;
  int count = epoll_wait(knocks->watch.fd, events, most, 0);
  if (count < 0) count = 0;
  for (int i = 0; i < count; i++) {
    uint32_t number_of = events[i].data.u32;
    results[2 * i] = (int32_t)number_of;
    results[2 * i + 1] = outcome(knocks, number_of);
  }
  return number(env, count);
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct knocks *knocks = (struct knocks *)watch_enter(env, info, &KNOCKS, 1, argv);
  int64_t number_of;
  if (knocks == NULL || !integer(env, argv[0], 0, KNOCKS_AT_MOST, "number", &number_of)) return NULL;
  if (number_of < knocks->room && knocks->list[number_of].stage == KNOCKING) set_free(knocks, (uint32_t)number_of);
  return undefined(env);
}

static napi_value sweep(napi_env env, napi_callback_info info) {
  struct knocks *knocks = (struct knocks *)watch_enter(env, info, &KNOCKS, 0, NULL);
  if (knocks == NULL) return NULL;
  uint64_t now = uv_hrtime() / 1000000;
  uint32_t at = knocks->goodbyes;
  knocks->goodbyes = NONE;
  while (at != NONE) {
    struct knock *one = &knocks->list[at];
    uint32_t next = one->next;
    if (knock_is_over(one->fd, &one->left) || now >= one->until) {
      set_free(knocks, at);
      knocks->parting--;
    } else {
      one->next = knocks->goodbyes;
      knocks->goodbyes = at;
    }
    at = next;
  }
  return number(env, knocks->parting);
}

static napi_value close_knocks(napi_env env, napi_callback_info info) {
  struct watch *watch = watch_enter(env, info, &KNOCKS, 0, NULL);
  if (watch != NULL) watch_close(watch);
  return undefined(env);
}

static void end(struct watch *watch) {
  struct knocks *knocks = (struct knocks *)watch;
  for (uint32_t i = 0; i < knocks->room; i++) {
    if (knocks->list[i].fd >= 0) close(knocks->list[i].fd);
  }
  free(knocks->list);
  knocks->list = NULL;
  knocks->room = 0;
}

static const napi_property_descriptor METHODS[] = {
    {.utf8name = "knock", .method = knock, .attributes = napi_enumerable},
    {.utf8name = "heard", .method = heard, .attributes = napi_enumerable},
    {.utf8name = "cancel", .method = cancel, .attributes = napi_enumerable},
    {.utf8name = "sweep", .method = sweep, .attributes = napi_enumerable},
    {.utf8name = "close", .method = close_knocks, .attributes = napi_enumerable},
};

static const napi_type_tag KNOCKS_TAG = {0x62616c2d6b6e6f63, 0x6b732d6279652121};
static const struct watch_kind KNOCKS = {&KNOCKS_TAG, "knocks", METHODS, sizeof METHODS / sizeof *METHODS};

napi_value open_knocks(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t given = 1;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  if (!watch_callback(env, argv[0], &KNOCKS)) return NULL;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return throw_errno(env, errno, "open knocks"), NULL;
  struct knocks *knocks = calloc(1, sizeof *knocks);
  if (knocks == NULL) return watch_make(env, NULL, &KNOCKS, epoll, argv[0]);
  knocks->watch.end = end;
  knocks->free = knocks->goodbyes = NONE;
  return watch_make(env, &knocks->watch, &KNOCKS, epoll, argv[0]);
}

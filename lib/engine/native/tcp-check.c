// TCP health checks: connects that end as soon as they are accepted, many at once. The primary uses them for checks of
// type `tcp`. A Node socket costs twice its system calls, and here JavaScript is called once for all checks that have
// ended.
//
//   openTcpChecks(wake) → checks             wake() is called as long as results wait to be collected
//   checks.start(ip, port, source) → the check's number, or −errno; or ACCEPTED: it is over, with nothing to collect.
//                                    `source`: the source address, '' for any
//   checks.collect(results) → how many have ended: [number, 0 or errno] each; 0: it was accepted
//   checks.cancel(number)                    cancels a check whose result has not been collected
//   checks.sweep() → how many accepted checks are not closed yet: to be called again while there are some
//   checks.close()                           no other method may be called afterwards
#include "goodbye.h"
#include "tcp-check.h"
#include "watch.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  CHECKS_AT_MOST = 65536,
  ACCEPTED = CHECKS_AT_MOST,
  AT_ONCE = 64, // events fetched at a time
};

/** A pending check, which is in the epoll set, or an unused one (`fd` is −1), which is on a list. */
struct check {
  int fd;
  uint32_t next;
};

struct checks {
  struct watch watch; // watches the epoll set
  struct check *list;
  uint32_t room, free;      // head of the unused list
  struct goodbyes goodbyes; // of accepted checks
};

static const struct watch_kind CHECKS;

static void set_free(struct checks *checks, uint32_t number) {
  struct check *check = &checks->list[number];
  if (check->fd >= 0) close(check->fd);
  *check = (struct check){.fd = -1, .next = checks->free};
  checks->free = number;
}

/** Takes an unused check. Returns its number; NONE when out of memory or when there are too many. */
static uint32_t find_free(struct checks *checks) {
  if (checks->free == NONE) {
    uint32_t room = checks->room == 0 ? AT_ONCE : 2 * checks->room;
    struct check *list = room > CHECKS_AT_MOST ? NULL : realloc(checks->list, room * sizeof *list);
    if (list == NULL) return NONE;
    checks->list = list;
    for (; checks->room < room; checks->room++) {
      list[checks->room].fd = -1;
      set_free(checks, checks->room);
    }
  }
  uint32_t number = checks->free;
  checks->free = checks->list[number].next;
  return number;
}

/** Ends an accepted check without a reset. sweep() closes it. */
static void say_goodbye(struct checks *checks, uint32_t number_of) {
  goodbyes_say(&checks->goodbyes, checks->list[number_of].fd, 0);
  checks->list[number_of].fd = -1;
  set_free(checks, number_of);
}

static napi_value start(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  struct checks *checks = (struct checks *)watch_enter(env, info, &CHECKS, 3, argv);
  char ip[INET6_ADDRSTRLEN + IF_NAMESIZE] = "", source[INET6_ADDRSTRLEN + 1] = "";
  size_t length;
  int64_t port;
  if (checks == NULL || !integer(env, argv[1], 0, UINT16_MAX, "port", &port)) return NULL;
  napi_get_value_string_utf8(env, argv[0], ip, sizeof ip, &length);
  napi_get_value_string_utf8(env, argv[2], source, sizeof source, &length);
  uint32_t number_of = find_free(checks);
  if (number_of == NONE) return number(env, -ENOMEM);
  int fd = tcp_check_start(ip, (uint16_t)port, source);
  checks->list[number_of].fd = fd;
  // On this machine the handshake completes within connect(). Waiting for it would cost three more system calls.
  if (fd >= 0 && tcp_check_is_accepted(fd)) return say_goodbye(checks, number_of), number(env, ACCEPTED);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = number_of};
  int error = fd < 0 ? -fd : epoll_ctl(checks->watch.fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
  if (error != 0) {
    set_free(checks, number_of);
    return number(env, -error);
  }
  return number(env, number_of);
}

/** Returns 0 if the check was accepted and is now being closed; else an errno. */
static int outcome(struct checks *checks, uint32_t number_of) {
  int error = tcp_check_error(checks->list[number_of].fd);
  // It was accepted, and reset before this process looked. A busy machine must not change the result.
  if (error == ECONNRESET || error == EPIPE) return set_free(checks, number_of), 0;
  if (error != 0) return set_free(checks, number_of), error;
  say_goodbye(checks, number_of);
  return 0;
}

static napi_value collect(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct checks *checks = (struct checks *)watch_enter(env, info, &CHECKS, 1, argv);
  struct epoll_event events[AT_ONCE];
  int32_t *results;
  size_t room;
  if (checks == NULL || !integers(env, argv[0], 2, "results", &results, &room)) return NULL;
  int most = room / 2 < AT_ONCE ? (int)(room / 2) : AT_ONCE;
  int count = epoll_wait(checks->watch.fd, events, most, 0);
  if (count < 0) count = 0;
  for (int i = 0; i < count; i++) {
    uint32_t number_of = events[i].data.u32;
    results[2 * i] = (int32_t)number_of;
    results[2 * i + 1] = outcome(checks, number_of);
  }
  return number(env, count);
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct checks *checks = (struct checks *)watch_enter(env, info, &CHECKS, 1, argv);
  int64_t number_of;
  if (checks == NULL || !integer(env, argv[0], 0, CHECKS_AT_MOST, "number", &number_of)) return NULL;
  if (number_of < checks->room && checks->list[number_of].fd >= 0) set_free(checks, (uint32_t)number_of);
  return undefined(env);
}

static napi_value sweep(napi_env env, napi_callback_info info) {
  struct checks *checks = (struct checks *)watch_enter(env, info, &CHECKS, 0, NULL);
  if (checks == NULL) return NULL;
  goodbyes_sweep(&checks->goodbyes, NULL, NULL);
  return number(env, checks->goodbyes.count);
}

static napi_value close_checks(napi_env env, napi_callback_info info) {
  struct watch *watch = watch_enter(env, info, &CHECKS, 0, NULL);
  if (watch != NULL) watch_close(watch);
  return undefined(env);
}

static void end(struct watch *watch) {
  struct checks *checks = (struct checks *)watch;
  for (uint32_t i = 0; i < checks->room; i++) {
    if (checks->list[i].fd >= 0) close(checks->list[i].fd);
  }
  free(checks->list);
  checks->list = NULL;
  checks->room = 0;
  goodbyes_end(&checks->goodbyes);
}

static const napi_property_descriptor METHODS[] = {
    {.utf8name = "start", .method = start, .attributes = napi_enumerable},
    {.utf8name = "collect", .method = collect, .attributes = napi_enumerable},
    {.utf8name = "cancel", .method = cancel, .attributes = napi_enumerable},
    {.utf8name = "sweep", .method = sweep, .attributes = napi_enumerable},
    {.utf8name = "close", .method = close_checks, .attributes = napi_enumerable},
};

static const napi_type_tag CHECKS_TAG = {0x62616c2d7463702d, 0x636865636b732121};
static const struct watch_kind CHECKS = {&CHECKS_TAG, "checks", METHODS, sizeof METHODS / sizeof *METHODS};

napi_value open_tcp_checks(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t given = 1;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  if (!watch_callback(env, argv[0], &CHECKS)) return NULL;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return throw_errno(env, errno, "open checks"), NULL;
  struct checks *checks = calloc(1, sizeof *checks);
  if (checks == NULL) return watch_make(env, NULL, &CHECKS, epoll, argv[0]);
  checks->watch.end = end;
  checks->free = NONE;
  return watch_make(env, &checks->watch, &CHECKS, epoll, argv[0]);
}

// TCP health checks that repeat as long as they pass, without JavaScript: most backends are up, and most checks say so.
// A check that does not pass is over, and its error is for JavaScript. The primary uses them for steady backends.
//
//   openTcpRounds(wake) → rounds             wake() is called when a check has not passed, or was the last
//   rounds.begin(ip, port, in, period, timeout) → its seat, or −errno. Times in ms; `period` is kept ± a tenth
//   rounds.end(seat)                         drops also what has not been collected
//   rounds.reached(seat, µs ago)             a client's connect began then, and replaces checks for a period
//   rounds.last(seat) → 1 if a check is under way, which will be the last one and wakes when it is over; else 0
//   rounds.collect(results) → how many rows: [seat, passes, µs since the last of them began, 0] each, or
//                                    [seat, passes, µs, −1]: the last one is among them, and the seat is free
//                                    [seat, checks replaced, µs since the last such connect began, −2]
//                                    [seat, 0, µs since it began, errno]: it has not passed, and the seat is free
//   rounds.close()                           no other method may be called afterwards
#include "rounds.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

enum { COLUMNS = 4, MS_AT_MOST = 1 << 30, LAST = -1, TRUSTS = -2, ROWS_EACH = 3 };

static const struct watch_kind ROUNDS;

static struct rounds *enter_rounds(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  return (struct rounds *)watch_enter(env, info, &ROUNDS, count, argv);
}

static napi_value begin(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  struct rounds *rounds = enter_rounds(env, info, 5, argv);
  char ip[INET6_ADDRSTRLEN + IF_NAMESIZE] = "";
  size_t length;
  int64_t port, in, period, timeout;
  if (rounds == NULL || !integer(env, argv[1], 0, UINT16_MAX, "port", &port) ||
      !integer(env, argv[2], 0, MS_AT_MOST, "in", &in) ||
      !integer(env, argv[3], 1, MS_AT_MOST, "period", &period) ||
      !integer(env, argv[4], 1, MS_AT_MOST, "timeout", &timeout)) {
    return NULL;
  }
  napi_get_value_string_utf8(env, argv[0], ip, sizeof ip, &length);
  union address address;
  socklen_t size = tcp_check_address(&address, ip, (uint16_t)port);
  if (size == 0) return number(env, -EINVAL);
  uint32_t at = rounds_begin(rounds, &address, size, (uint32_t)in, (uint32_t)period, (uint32_t)timeout);
  return at == NONE ? number(env, -ENOMEM) : number(env, at);
}

static napi_value end_seat(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct rounds *rounds = enter_rounds(env, info, 1, argv);
  int64_t at;
  if (rounds == NULL || !integer(env, argv[0], 0, INT32_MAX, "seat", &at)) return NULL;
  seats_end(rounds, (uint32_t)at);
  return undefined(env);
}

static napi_value last(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct rounds *rounds = enter_rounds(env, info, 1, argv);
  int64_t at;
  if (rounds == NULL || !integer(env, argv[0], 0, INT32_MAX, "seat", &at)) return NULL;
  bool is_checking = at < rounds->room && rounds->seats[at].state == SEAT_CONNECTING;
  if (is_checking) rounds->seats[at].due = NEVER;
  return number(env, is_checking);
}

static napi_value reached(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct rounds *rounds = enter_rounds(env, info, 2, argv);
  int64_t at, us_ago;
  if (rounds == NULL || !integer(env, argv[0], 0, INT32_MAX, "seat", &at) ||
      !integer(env, argv[1], 0, INT32_MAX, "ago", &us_ago)) {
    return NULL;
  }
  uint64_t now = uv_hrtime(), ago = (uint64_t)us_ago * 1000;
  if (ago < now) rounds_reached(rounds, (uint32_t)at, now - ago);
  return undefined(env);
}

static void row(int32_t *results, uint32_t at, int32_t passes, uint64_t ns_ago, int32_t error) {
  uint64_t us_ago = ns_ago / 1000;
  results[0] = (int32_t)at;
  results[1] = passes;
  results[2] = us_ago < INT32_MAX ? (int32_t)us_ago : INT32_MAX;
  results[3] = error;
}

static napi_value collect(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct rounds *rounds = enter_rounds(env, info, 1, argv);
  int32_t *results;
  size_t room, rows = 0;
  if (rounds == NULL || !integers(env, argv[0], (size_t)ROWS_EACH * COLUMNS, "results", &results, &room)) return NULL;
  uint64_t now = uv_hrtime();
  while (rows + ROWS_EACH <= room / COLUMNS) {
    uint32_t at = seats_next_changed(rounds);
    if (at == NONE) break;
    struct seat *seat = &rounds->seats[at];
    bool is_last = seat->state == SEAT_WAITING && seat->due == NEVER;
    // In the order of their time: what is older than what is known is nothing new.
    for (int i = 0; i < 2; i++) {
      bool is_trust = (i == 0) == (seat->trusted < seat->passed);
      int32_t count = is_trust ? seat->trusts : seat->passes;
      int32_t what = is_trust ? TRUSTS : is_last ? LAST : 0;
      if (count > 0) row(&results[COLUMNS * rows++], at, count, now - (is_trust ? seat->trusted : seat->passed), what);
    }
    seat->trusts = seat->passes = 0;
    if (seat->state == SEAT_FAILED) row(&results[COLUMNS * rows++], at, 0, now - seat->began, seat->error);
    if (is_last || seat->state == SEAT_FAILED) seats_end(rounds, at);
  }
  return number(env, (double)rows);
}

static napi_value close_rounds(napi_env env, napi_callback_info info) {
  struct watch *watch = watch_enter(env, info, &ROUNDS, 0, NULL);
  if (watch != NULL) watch_close(watch);
  return undefined(env);
}

static const napi_property_descriptor METHODS[] = {
    {.utf8name = "begin", .method = begin, .attributes = napi_enumerable},
    {.utf8name = "end", .method = end_seat, .attributes = napi_enumerable},
    {.utf8name = "reached", .method = reached, .attributes = napi_enumerable},
    {.utf8name = "last", .method = last, .attributes = napi_enumerable},
    {.utf8name = "collect", .method = collect, .attributes = napi_enumerable},
    {.utf8name = "close", .method = close_rounds, .attributes = napi_enumerable},
};

static const napi_type_tag ROUNDS_TAG = {0x62616c2d7463702d, 0x726f756e64732121};
static const struct watch_kind ROUNDS = {&ROUNDS_TAG, "rounds", METHODS, sizeof METHODS / sizeof *METHODS};

napi_value open_tcp_rounds(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t given = 1;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  if (!watch_callback(env, argv[0], &ROUNDS)) return NULL;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return throw_errno(env, errno, "open rounds"), NULL;
  struct rounds *rounds = malloc(sizeof *rounds);
  if (rounds == NULL) return watch_make(env, NULL, &ROUNDS, epoll, argv[0]);
  int error = rounds_open(rounds, epoll);
  int timer = rounds->timer;
  if (error == 0) {
    napi_value made = watch_make(env, &rounds->watch, &ROUNDS, epoll, argv[0]);
    if (made == NULL) close(timer);
    return made;
  }
  if (timer >= 0) close(timer);
  free(rounds);
  close(epoll);
  return throw_errno(env, error, "open rounds"), NULL;
}

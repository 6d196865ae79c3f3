// The loop, turned inside out: the engine waits and libuv is a guest. Before libuv polls, on_prepare() asks it how long
// it may sleep, waits that long on the engine's epoll set, in which libuv's descriptor is a member, and handles the
// engine's events round after round. It returns when libuv has something to do; an active idle handle then keeps
// libuv's poll from sleeping. An epoll set inside libuv's would have no sleeper of its own, so EPOLLEXCLUSIVE on the
// listening socket would mean nothing, and each wake-up would cost two waits.
#include "bal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS_AT_MOST = 64 };

/** Dispatches the events. True when libuv has something to do. */
static bool hand_out(struct loop *loop, int count) {
  const struct hooks *hooks = loop->hooks;
  bool libuv = false;
  hooks->begin(loop, count);
  for (int i = 0; i < count; i++) {
    const struct epoll_event *event = &loop->events[i];
    unsigned kind = event->data.u64 & FOR_MASK;
    if (kind == FOR_LIBUV) libuv = true;
    else hooks->event[kind](loop, event);
  }
  hooks->end(loop);
  return libuv;
}

/** Ms to sleep, −1 for no limit. `until`: when libuv must run again. */
static int sleep_time(const struct loop *loop, uint64_t until) {
  for (uint64_t (*const *due)(const struct loop *) = loop->hooks->dues; *due != NULL; due++) {
    uint64_t at = (*due)(loop);
    if (at < until) until = at;
  }
  if (until == NEVER) return -1;
  if (until <= loop->now) return 0;
  return until - loop->now > INT32_MAX ? INT32_MAX : (int)(until - loop->now);
}

int loop_wait(struct loop *loop, int timeout_ms) { return epoll_wait(loop->epoll, loop->events, EVENTS, timeout_ms); }

void loop_look_at_clock(struct loop *loop) {
  uv_update_time(loop->uv);
  loop->now = uv_now(loop->uv);
}

static uint64_t libuv_wants(struct loop *loop) {
  int timeout = uv_backend_timeout(loop->uv);
  return timeout < 0 ? NEVER : loop->now + (uint64_t)timeout;
}

static void on_idle(uv_idle_t *handle) { (void)handle; }

static void on_prepare(uv_prepare_t *handle) {
  struct loop *loop = handle->data;
  uv_idle_stop(&loop->idle);
  loop_look_at_clock(loop);
  uint64_t until = libuv_wants(loop);
  for (int round = 0; round < ROUNDS_AT_MOST && loop->running; round++) {
    int count = loop->wait(loop, sleep_time(loop, until));
    loop_look_at_clock(loop);
    loop->js.called = false;
    loop->round++;
    bool libuv = hand_out(loop, count < 0 ? 0 : count);
    for (hook *const *turn = loop->hooks->turns; *turn != NULL; turn++) (*turn)(loop);
    if (loop->js.called) until = libuv_wants(loop); // JavaScript may have set a timer or scheduled something
    if (libuv || until <= loop->now) break;
  }
  if (loop->running) uv_idle_start(&loop->idle, on_idle);
}

void loop_adjust(struct loop *loop) {
  bool wanted = !loop->closing && loop->needed > 0;
  if (wanted == loop->running) return;
  loop->running = wanted;
  if (wanted) {
    loop_look_at_clock(loop);
    wheel_skip(loop);
    uv_prepare_start(&loop->prepare, on_prepare);
  } else {
    for (hook *const *rest = loop->hooks->rests; *rest != NULL; rest++) (*rest)(loop);
    uv_prepare_stop(&loop->prepare);
    uv_idle_stop(&loop->idle);
  }
}

struct loop *loop_make(uv_loop_t *uv, const struct hooks *hooks) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) return NULL;
  loop->uv = uv;
  loop->hooks = hooks;
  loop->wait = loop_wait;
  loop->now = uv_now(uv);
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = FOR_LIBUV};
  if (loop->epoll >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, uv_backend_fd(uv), &event) == 0) return loop;
  int error = errno;
  if (loop->epoll >= 0) close(loop->epoll);
  free(loop);
  errno = error;
  return NULL;
}

void loop_begin(struct loop *loop) {
  uv_prepare_init(loop->uv, &loop->prepare);
  uv_idle_init(loop->uv, &loop->idle);
  loop->prepare.data = loop->idle.data = loop;
  loop->open_handles = 2;
}

static void on_closed(uv_handle_t *handle) {
  struct loop *loop = handle->data;
  if (--loop->open_handles == 0) loop->closed(loop);
}

void loop_end(struct loop *loop, void (*closed)(struct loop *loop)) {
  loop->closing = true;
  loop->closed = closed;
  for (hook *const *end = loop->hooks->closes; *end != NULL; end++) (*end)(loop);
  loop_adjust(loop);
  close(loop->epoll);
  uv_close((uv_handle_t *)&loop->prepare, on_closed);
  uv_close((uv_handle_t *)&loop->idle, on_closed);
}

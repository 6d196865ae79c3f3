// The loop, turned inside out: the engine waits and libuv is a guest. Before libuv polls, on_prepare() asks it how long
// it may sleep, waits that long on the engine's epoll set, of which libuv's own descriptor is a member, and handles the
// engine's events round after round. It returns when libuv has something to do, after making sure (an active idle
// handle) that libuv's poll does not sleep. An epoll set inside libuv's would have no sleeper of its own, so that
// EPOLLEXCLUSIVE on the listening socket would mean nothing, and would cost two waits a wake-up.
#include "bal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS_AT_MOST = 64 };

/* ---- who is registered for what ------------------------------------------------------------------------------- */

static int control(struct loop *loop, struct connection *c, int side, int operation, uint32_t events) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET | events};
  event.data.u64 = (uint64_t)c->generation[side] << 32 | (uint64_t)c->index << 2 | (uint64_t)side;
  if (events & EPOLLOUT) c->side[side] |= WATCHES_OUT;
  return epoll_ctl(loop->epoll, operation, c->fd[side], &event) == 0 ? 0 : errno;
}

int watch(struct loop *loop, struct connection *c, int side, uint32_t events) {
  if (++loop->generation == 0) loop->generation = 1;
  c->generation[side] = loop->generation;
  return control(loop, c, side, EPOLL_CTL_ADD, events);
}

int watch_out(struct loop *loop, struct connection *c, int side) { return control(loop, c, side, EPOLL_CTL_MOD, EPOLLOUT); }

/* ---- the ready list ------------------------------------------------------------------------------------------- */

void ready_add(struct loop *loop, struct connection *c) {
  if (c->queued) return;
  c->queued = true;
  c->ready.next = NONE;
  c->ready.previous = loop->ready.previous;
  if (loop->ready.previous != NONE) slot_at(loop, loop->ready.previous)->ready.next = c->index;
  else loop->ready.next = c->index;
  loop->ready.previous = c->index;
  loop->ready_count++;
}

void ready_remove(struct loop *loop, struct connection *c) {
  if (!c->queued) return;
  c->queued = false;
  if (c->ready.previous != NONE) slot_at(loop, c->ready.previous)->ready.next = c->ready.next;
  else loop->ready.next = c->ready.next;
  if (c->ready.next != NONE) slot_at(loop, c->ready.next)->ready.previous = c->ready.previous;
  else loop->ready.previous = c->ready.previous;
  loop->ready_count--;
}

/* ---- one round ------------------------------------------------------------------------------------------------ */

/** The connection that an event is for; null when it is an event of a descriptor that is gone. */
static struct connection *whose(struct loop *loop, const struct epoll_event *event) {
  struct connection *c = slot_find(loop, (uint32_t)event->data.u64 >> 2);
  return c != NULL && c->generation[event->data.u64 & FOR_MASK] == event->data.u64 >> 32 ? c : NULL;
}

/** Hands the events out; true when libuv has something to do. */
static bool dispatch(struct loop *loop, int count) {
  bool libuv = false;
  loop->gathers = count > 1 && loop->ring != NULL;
  for (int i = 0; i < count; i++) {
    const struct epoll_event *event = &loop->events[i];
    unsigned kind = event->data.u64 & FOR_MASK;
    if (kind == FOR_LIBUV) {
      libuv = true;
    } else if (kind == FOR_LISTENER) {
      ((struct listener *)(uintptr_t)(event->data.u64 & ~(uint64_t)FOR_MASK))->due = true;
    } else {
      struct connection *c = whose(loop, event);
      if (c != NULL && unlikely(c->aside || (loop->gathers && !ring_has_room(loop)))) {
        ring_send(loop); // its bytes stay in order
        c = whose(loop, event);
      }
      if (likely(c != NULL)) connection_event(loop, c, (int)kind, event->events);
    }
  }
  loop->gathers = false;
  if (loop->aside > 0) ring_send(loop);
  return libuv;
}

static void finish_round(struct loop *loop) {
  // Clients after connections: those that are served come first, and a new one may have sent something by now.
  accept_round(loop);
  for (uint32_t turns = loop->ready_count; turns > 0 && loop->ready.next != NONE; turns--) {
    struct connection *c = slot_at(loop, loop->ready.next);
    ready_remove(loop, c);
    connection_ready(loop, c);
  }
  wheel_turn(loop);
  if (loop->resume_at != 0 && loop->now >= loop->resume_at) accept_resume(loop);
  if (loop->back_at != 0) accept_come_back(loop);
  if (loop->pools_until != 0 && loop->now >= loop->pools_until) hold_free_pools(loop);
  for (struct engine *engine = loop->engines; engine != NULL; engine = engine->next) js_flush(engine);
  listeners_sweep(loop);
  scoreboard_tell(loop);
  loop_adjust(loop);
  js_leave(loop); // microtasks and ticks run here, and may call anything
}

/** Ms to sleep: −1 without end. `until`: when libuv wants to go on, UINT64_MAX never. */
static int sleep_time(const struct loop *loop, uint64_t until) {
  if (loop->ready_count > 0) return 0;
  uint64_t wheel = wheel_next(loop);
  if (wheel < until) until = wheel;
  if (loop->resume_at != 0 && loop->resume_at < until) until = loop->resume_at;
  if (loop->back_at != 0 && loop->back_at < until) until = loop->back_at;
  if (loop->pools_until != 0 && loop->pools_until < until) until = loop->pools_until;
  if (until == UINT64_MAX) return -1;
  if (until <= loop->now) return 0;
  return until - loop->now > INT32_MAX ? INT32_MAX : (int)(until - loop->now);
}

static uint64_t libuv_wants(struct loop *loop) {
  int timeout = uv_backend_timeout(loop->uv);
  return timeout < 0 ? UINT64_MAX : loop->now + (uint64_t)timeout;
}

static void on_idle(uv_idle_t *handle) { (void)handle; }

static void on_prepare(uv_prepare_t *handle) {
  struct loop *loop = handle->data;
  uv_idle_stop(&loop->idle);
  uv_update_time(loop->uv);
  loop->now = uv_now(loop->uv);
  uint64_t until = libuv_wants(loop);
  for (int round = 0; round < ROUNDS_AT_MOST && loop->running; round++) {
    bool called;
    int count = scoreboard_wait(loop, loop->events, sleep_time(loop, until), &called);
    if (unlikely(called)) accept_called(loop);
    uv_update_time(loop->uv);
    loop->now = uv_now(loop->uv);
    loop->called = false;
    loop->round++;
    bool libuv = dispatch(loop, count < 0 ? 0 : count);
    finish_round(loop);
    if (loop->called) until = libuv_wants(loop); // JavaScript may have set a timer or scheduled something
    if (libuv || until <= loop->now) break;
  }
  if (loop->running) uv_idle_start(&loop->idle, on_idle);
}

void loop_adjust(struct loop *loop) {
  bool wanted = false;
  if (!loop->closing) {
    wanted = loop->live > 0;
    for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) wanted |= listener->fd >= 0;
  }
  if (wanted == loop->running) return;
  loop->running = wanted;
  if (wanted) {
    // Time stood still while nothing was watched.
    uv_update_time(loop->uv);
    loop->now = uv_now(loop->uv);
    loop->tick = loop->now / BUCKET_MS;
    uv_prepare_start(&loop->prepare, on_prepare);
  } else {
    hold_free_pools(loop);
    uv_prepare_stop(&loop->prepare);
    uv_idle_stop(&loop->idle);
  }
}

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  struct loop *loop = handle->data;
  if (--loop->open_handles > 0) return;
  napi_remove_async_cleanup_hook(loop->hook);
  free(loop);
}

/** The environment ends: everything is closed without telling anybody. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  struct loop *loop = data;
  loop->closing = true;
  loop->hook = hook;
  for (uint32_t i = 0; i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c != NULL) connection_leave(loop, c, END_CUT);
  }
  for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) listener_stop(listener);
  listeners_sweep(loop);
  for (struct engine *engine = loop->engines; engine != NULL; engine = engine->next) engine->loop = NULL;
  loop->engines = NULL;
  loop_adjust(loop);
  scoreboard_close(loop);
  hold_free_pools(loop);
  slots_free_all(loop);
  close(loop->epoll);
  ring_close(loop);
  reserve_close(loop);
  napi_async_destroy(loop->env, loop->context);
  napi_delete_reference(loop->env, loop->resource);
  uv_close((uv_handle_t *)&loop->prepare, on_closed);
  uv_close((uv_handle_t *)&loop->idle, on_closed);
}

/** A loop that only lacks its place in the environment; null with errno set. */
static struct loop *loop_make(napi_env env) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) return NULL;
  loop->env = env;
  loop->ready.previous = loop->ready.next = loop->spare_slab = NONE;
  system_probe(loop);
  system_batch();
  loop->ring_error = ring_open(loop);
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (loop->epoll >= 0 && napi_get_uv_event_loop(env, &loop->uv) == napi_ok) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = FOR_LIBUV};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, uv_backend_fd(loop->uv), &event) == 0) {
      loop->now = uv_now(loop->uv);
      wheel_init(loop);
      reserve_fill(loop);
      return loop;
    }
  }
  int error = errno;
  if (loop->epoll >= 0) close(loop->epoll);
  ring_close(loop);
  free(loop);
  errno = error;
  return NULL;
}

struct loop *loop_of(napi_env env) {
  struct loop *loop = NULL;
  if (napi_get_instance_data(env, (void **)&loop) != napi_ok || loop != NULL) return loop;
  loop = loop_make(env);
  if (loop == NULL) return NULL;
  napi_value resource, name;
  if (napi_create_object(env, &resource) != napi_ok || napi_create_reference(env, resource, 1, &loop->resource) != napi_ok ||
      napi_create_string_utf8(env, "bal", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, resource, name, &loop->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_cleanup, loop, &loop->hook) != napi_ok) {
    close(loop->epoll);
    ring_close(loop);
    reserve_close(loop);
    free(loop); // with the environment failing like this nothing better is left to do
    return NULL;
  }
  uv_prepare_init(loop->uv, &loop->prepare);
  uv_idle_init(loop->uv, &loop->idle);
  loop->prepare.data = loop->idle.data = loop;
  loop->open_handles = 2;
  if (napi_set_instance_data(env, loop, NULL, NULL) != napi_ok) return NULL;
  return loop;
}

// Timeouts of a connection: connecting, idle, and a client that goes on after its backend has ended. Also detects peers
// that have vanished. The wheel asks; a byte only updates `last`.
#include "bal.h"

#include <unistd.h>

/** When keepalive towards the backend is turned on. Sparing younger connections saves system calls on short ones. */
enum { PROBED_AFTER_MS = 5000 };

static uint32_t less(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void put(struct loop *loop, struct connection *c, uint32_t delay) {
  wheel_remove(loop, c);
  wheel_add(loop, c, c->last, delay);
}

void deadline_inspect(struct loop *loop, struct connection *c) { put(loop, c, c->listener->inspect_ms); }

void deadline_connect(struct loop *loop, struct connection *c) { put(loop, c, service_of(c)->connect_ms); }

/** Whether only the client may still send. */
static bool is_half_closed(const struct connection *c) {
  return c->direction[BACKEND] & PASSED_ON && !(c->direction[CLIENT] & ENDED);
}

void deadline_adopted(struct loop *loop, struct connection *c) {
  const struct service *service = service_of(c);
  uint32_t delay = service->idle_ms;
  if (service->keepalive_ms > 0 && !c->probed) delay = less(delay, less(service->keepalive_ms, PROBED_AFTER_MS));
  if (is_half_closed(c)) delay = less(delay, service->half_closed_ms);
  put(loop, c, delay);
}

void deadline_open(struct loop *loop, struct connection *c) {
  c->last = (uint32_t)loop->now;
  deadline_adopted(loop, c);
}

void deadline_half_closed(struct loop *loop, struct connection *c) {
  c->last = (uint32_t)loop->now;
  put(loop, c, less(service_of(c)->half_closed_ms, service_of(c)->idle_ms));
}

/** Treats a vanished side as if the kernel had reported it broken. */
static void connection_vanished(struct loop *loop, struct connection *c, int side) {
  system_will_reset(c->fd[side]); // else the kernel would go on sending
  c->side[side] |= BROKEN | READABLE;
  relay(loop, c);
}

static bool was_silent_for(const struct loop *loop, const struct connection *c, uint32_t delay) {
  return (uint32_t)loop->now - c->last >= delay + CLOCK_MS;
}

static void open_due(struct loop *loop, struct connection *c) {
  const struct service *service = service_of(c);
  uint32_t hope = UINT32_MAX, delay = service->idle_ms;
  if (service->keepalive_ms > 0) {
    if (!c->probed) rest_keep_alive(c->fd[BACKEND], service->keepalive_ms);
    c->probed = true;
    for (int side = 0; side < 2; side++) {
      uint32_t left = rest_hope(c, side);
      if (left == 0) {
        connection_vanished(loop, c, side);
        return;
      }
      hope = less(hope, left);
    }
  }
  bool half_closed = is_half_closed(c);
  if (half_closed) delay = less(delay, service->half_closed_ms);
  if (was_silent_for(loop, c, delay)) rest_ask(loop, c);
  if (half_closed && was_silent_for(loop, c, service->half_closed_ms)) {
    if (rest_is_whole(c)) {
      connection_finish(loop, c, END_BACKEND_CLOSED);
      return;
    }
    delay = service->idle_ms; // bytes for the backend are held here, so the client is not silent
  }
  if (was_silent_for(loop, c, delay)) {
    connection_leave(loop, c, END_IDLE);
    return;
  }
  uint32_t silent = (uint32_t)loop->now - c->last;
  wheel_add(loop, c, (uint32_t)loop->now, less(hope, silent < delay ? delay - silent : 0));
}

void deadline_due(struct loop *loop, struct connection *c) {
  js_make_room(c->listener->engine);
  if (c->state == OPEN) {
    open_due(loop, c);
  } else if (c->state == INSPECTED) {
    if (was_silent_for(loop, c, c->listener->inspect_ms)) connection_inspect(loop, c, true);
    else deadline_inspect(loop, c);
  } else if (c->state != CONNECTING) {
    return;
  } else if ((uint32_t)loop->now - c->last < service_of(c)->connect_ms + CLOCK_MS) {
    wheel_add(loop, c, c->last, service_of(c)->connect_ms);
  } else {
    close(c->fd[BACKEND]);
    c->fd[BACKEND] = -1;
    connection_failed(loop, c, CAUSE_TIMEOUT);
  }
}

// The life of a connection: accepted, routed by the policy, connecting, open, over. Every path out of it ends in
// connection_finish(), once.
#include "bal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/** Attempts that fail at once in a row, before others have their turn. */
enum { ATTEMPTS_PER_TURN = 8 };
/** Younger connections have no probes towards the backend: short ones are spared the system calls. */
enum { PROBED_AFTER_MS = 5000 };

static void finish(struct loop *loop, struct connection *c, enum end end, bool resets_client, bool resets_backend) {
  struct listener *listener = c->listener;
  struct engine *engine = listener->engine;
  c->aside = false;
  wheel_remove(loop, c);
  ready_remove(loop, c);
  hold_drop(loop, c, CLIENT);
  hold_drop(loop, c, BACKEND);
  if (c->fd[BACKEND] >= 0) {
    if (resets_backend) system_reset(c->fd[BACKEND]);
    else close(c->fd[BACKEND]);
  }
  if (resets_client) system_reset(c->fd[CLIENT]);
  else close(c->fd[CLIENT]);
  c->fd[CLIENT] = c->fd[BACKEND] = -1;
  connection_target(c, WAIT);
  c->state = FREE;
  c->generation[CLIENT] = c->generation[BACKEND] = 0;
  listener->live--;
  loop->live--;
  accept_ends(loop);
  if (loop->resume_at != 0) loop->resume_at = loop->now; // two descriptors are free again
  // The id must not be used again before the policy knows that this connection is over.
  c->ready.next = engine->told_slots;
  engine->told_slots = c->index;
  js_ended(c, end);
}

void connection_finish(struct loop *loop, struct connection *c, enum end end) {
  // Whoever reset is gone already; a plain close of the other would look to it like a clean end.
  bool resets_client = end == END_BACKEND_RESET || end == END_IDLE || end == END_CUT || end == END_REFUSED;
  bool resets_backend = end == END_CLIENT_RESET || end == END_IDLE || end == END_CUT;
  finish(loop, c, end, resets_client, resets_backend);
}

bool connection_leave(struct loop *loop, struct connection *c, enum end end) {
  if (c->state != OPEN) {
    connection_finish(loop, c, end);
    return true;
  }
  bool flows = end == END_CUT && rest_flows(c), whole = !flows && rest_is_whole(c);
  if (!whole && !flows && !loop->closing) {
    // What the other side takes now need not be lost. It may be all that was left, and the connection's own end.
    relay_rest(loop, c);
    if (c->state == FREE) return false;
    whole = rest_is_whole(c);
  }
  // What is in a send buffer the kernel delivers, also when this process is gone. Unread bytes make it reset the side that
  // sent them, and the other one must not take that for a clean end: so both, or none.
  finish(loop, c, end, !whole, !whole);
  return true;
}

static uint32_t less(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void connection_open(struct loop *loop, struct connection *c) {
  const struct service *service = service_of(c);
  uint32_t delay = service->idle_ms;
  if (service->keepalive_ms > 0) delay = less(delay, less(service->keepalive_ms, PROBED_AFTER_MS));
  c->state = OPEN;
  c->last = (uint32_t)loop->now;
  wheel_remove(loop, c);
  wheel_add(loop, c, c->last, delay);
  js_connected(c);
}

/** Goes where the policy says until an attempt is under way or the connection is over. */
static void connection_route(struct loop *loop, struct connection *c, int32_t answer) {
  struct engine *engine = c->listener->engine;
  for (int attempts = 0;; attempts++) {
    connection_target(c, answer);
    if (c->target < 0 && c->target != NOWHERE) {
      connection_finish(loop, c, END_REFUSED);
      return;
    }
    if (attempts == ATTEMPTS_PER_TURN) {
      c->state = DECIDED;
      ready_add(loop, c);
      return;
    }
    enum cause cause = CAUSE_OTHER;
    c->state = CONNECTING;
    switch (connect_start(loop, c, &cause)) {
    case CONNECTED:
      connection_open(loop, c);
      return;
    case UNDER_WAY:
      wheel_remove(loop, c);
      wheel_add(loop, c, c->last, service_of(c)->connect_ms);
      return;
    case CLIENT_LOST:
      connection_finish(loop, c, END_CLIENT_GONE);
      return;
    case SHORT_OF_MEMORY:
      connection_finish(loop, c, END_CUT);
      return;
    case FAILED:
      answer = js_failed(engine, c->index, cause);
    }
  }
}

/** The current attempt failed. */
static void connection_failed(struct loop *loop, struct connection *c, enum cause cause) {
  wheel_remove(loop, c);
  connection_route(loop, c, js_failed(c->listener->engine, c->index, cause));
}

struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer) {
  struct connection *c = slot_take(loop);
  if (unlikely(c == NULL)) {
    shortage(listener->engine, AT_MEMORY, ENOMEM);
    system_reset(fd);
    return NULL;
  }
  c->fd[CLIENT] = fd;
  c->peer = *peer;
  c->side[CLIENT] = WRITABLE;
  c->listener = listener;
  c->target = WAIT;
  c->last = (uint32_t)loop->now;
  c->state = WAITING;
  listener->live++;
  loop->live++;
  accept_begins(loop);
  return c;
}

void connection_decided(struct loop *loop, struct connection *c, int32_t answer) {
  js_make_room(c->listener->engine);
  if (answer != WAIT) connection_route(loop, c, answer);
  if (c->state == FREE) return;
  // Only now, so that the bytes that connect_start() has read do not raise an event.
  int error = watch(loop, c, CLIENT, 0);
  c->watched = true;
  if (unlikely(error != 0)) {
    shortage(c->listener->engine, AT_EPOLL, error);
    connection_finish(loop, c, END_CUT);
  } else if (c->state == OPEN && (c->held[CLIENT] != NULL || c->side[CLIENT] & READABLE)) {
    relay(loop, c);
  }
}

void connection_event(struct loop *loop, struct connection *c, int side, uint32_t events) {
  uint8_t *flags = &c->side[side];
  js_make_room(c->listener->engine);
  if (side == BACKEND && c->state == CONNECTING) {
    enum cause cause = CAUSE_OTHER;
    enum attempt attempt = connect_event(loop, c, events, &cause);
    if (attempt == FAILED) {
      connection_failed(loop, c, cause);
      return;
    }
    if (attempt == UNDER_WAY) return;
    connection_open(loop, c);
  }
  if (events & ~(uint32_t)EPOLLOUT) *flags |= READABLE;
  if (events & EPOLLOUT) *flags |= WRITABLE;
  if (events & (EPOLLRDHUP | EPOLLHUP)) *flags |= HUNG_UP;
  if (events & EPOLLERR) *flags |= BROKEN;
  if (events & EPOLLPRI) *flags |= URGENT;
  if (c->state == OPEN) relay(loop, c);
  // A client that only half-closed still waits for its answer; one that reset does not.
  else if (events & (EPOLLERR | EPOLLHUP)) connection_finish(loop, c, END_CLIENT_GONE);
}

void connection_ready(struct loop *loop, struct connection *c) {
  js_make_room(c->listener->engine);
  if (c->state == OPEN) relay(loop, c);
  else if (c->state == DECIDED) connection_route(loop, c, c->target);
}

void connection_half_closed(struct loop *loop, struct connection *c) {
  c->last = (uint32_t)loop->now;
  wheel_remove(loop, c);
  wheel_add(loop, c, c->last, less(service_of(c)->half_closed_ms, service_of(c)->idle_ms));
}

/** The side has vanished: as if the kernel had said so. */
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
  bool half_closed = c->direction[BACKEND] & PASSED_ON && !(c->direction[CLIENT] & ENDED);
  if (half_closed) delay = less(delay, service->half_closed_ms);
  if (was_silent_for(loop, c, delay)) rest_ask(loop, c);
  if (half_closed && was_silent_for(loop, c, service->half_closed_ms)) {
    if (rest_is_whole(c)) {
      connection_finish(loop, c, END_BACKEND_CLOSED);
      return;
    }
    delay = service->idle_ms; // bytes for the backend wait here: its client is not silent
  }
  if (was_silent_for(loop, c, delay)) {
    connection_leave(loop, c, END_IDLE);
    return;
  }
  uint32_t silent = (uint32_t)loop->now - c->last;
  wheel_add(loop, c, (uint32_t)loop->now, less(hope, silent < delay ? delay - silent : 0));
}

void connection_due(struct loop *loop, struct connection *c) {
  js_make_room(c->listener->engine);
  if (c->state == OPEN) {
    open_due(loop, c);
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

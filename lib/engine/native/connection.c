// The life of a connection: accepted, routed by the policy, connecting, open, over. Unless it is released, every path
// ends in finish(), once.
#include "bal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/** Attempts in a row that fail at once, before other connections get their turn. */
enum { ATTEMPTS_PER_TURN = 8 };

struct connection *connection_new(struct loop *loop, struct listener *listener) {
  struct connection *c = slot_take(loop);
  if (unlikely(c == NULL)) {
    exhausted(listener->engine, AT_MEMORY, ENOMEM);
    return NULL;
  }
  c->listener = listener;
  c->target = WAIT;
  listener->live++;
  loop->live++;
  loop->needed++;
  return c;
}

void connection_forget(struct loop *loop, struct connection *c) {
  wheel_remove(loop, c);
  ready_remove(loop, c);
  c->fd[CLIENT] = c->fd[BACKEND] = -1;
  connection_target(c, WAIT);
  c->state = FREE;
  c->generation[CLIENT] = c->generation[BACKEND] = 0;
  c->listener->live--;
  loop->live--;
  loop->needed--;
}

static void finish(struct loop *loop, struct connection *c, enum end end, bool resets_client, bool resets_backend) {
  struct engine *engine = c->listener->engine;
  c->aside = false;
  hold_drop(loop, c, CLIENT);
  hold_drop(loop, c, BACKEND);
  if (c->fd[BACKEND] >= 0) {
    if (resets_backend) system_reset(c->fd[BACKEND]);
    else close(c->fd[BACKEND]);
  }
  if (resets_client) system_reset(c->fd[CLIENT]);
  else close(c->fd[CLIENT]);
  connection_forget(loop, c);
  fairness_ends(loop);
  accept_hurry(loop);
  // The id must not be reused before the policy knows that this connection is over.
  c->ready.next = engine->ended_slots;
  engine->ended_slots = c->index;
  js_ended(c, end);
}

void connection_finish(struct loop *loop, struct connection *c, enum end end) {
  // A side that reset is gone already. To the other side a plain close would look like a clean end.
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
    // Pass on what the other side takes now. That may be everything, and end the connection by itself.
    relay_rest(loop, c);
    if (c->state == FREE) return false;
    whole = rest_is_whole(c);
  }
  // The kernel delivers a send buffer even after this process is gone. But closing with unread bytes resets the side
  // that sent them, and the other side must not take that for a clean end. So reset both or none.
  finish(loop, c, end, !whole, !whole);
  return true;
}

static void connection_open(struct loop *loop, struct connection *c) {
  c->state = OPEN;
  deadline_open(loop, c);
  js_connected(c);
  // A preamble that went right after the connect is sent already.
  if (likely(!service_of(c)->preamble || c->side[BACKEND] & SENT)) return;
  if (!first_preamble(loop, c)) connection_finish(loop, c, END_CUT);
}

/** Asks the policy after a failed attempt. WAITING first, so that decide() works after an answer of WAIT. */
static int32_t failed(struct connection *c, enum cause cause) {
  connection_target(c, WAIT);
  c->state = WAITING;
  return js_failed(c->listener->engine, c->index, cause);
}

/** Whether the client's bytes are held or may be in its socket. */
static bool has_bytes(const struct connection *c) { return c->held[CLIENT] != NULL || c->side[CLIENT] & READABLE; }

/** Follows the policy's answers until an attempt is under way, the client waits, or the connection is over. */
static void connection_route(struct loop *loop, struct connection *c, int32_t answer) {
  for (int attempts = 0; answer != WAIT; attempts++) {
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
      // Nothing will raise an event: a watched client's bytes were reported before.
      if (c->state == OPEN && c->watched && has_bytes(c)) ready_add(loop, c);
      return;
    case UNDER_WAY:
      deadline_connect(loop, c);
      return;
    case CLIENT_LOST:
      connection_finish(loop, c, END_CLIENT_GONE);
      return;
    case NO_MEMORY_LEFT:
      connection_finish(loop, c, END_CUT);
      return;
    case FAILED:
      answer = failed(c, cause);
    }
  }
}

static void inspection_begins(struct loop *loop, struct connection *c) {
  c->target = WAIT;
  c->state = INSPECTED;
  c->last = (uint32_t)loop->now;
  connection_inspect(loop, c, false);
  if (c->state == INSPECTED) deadline_inspect(loop, c);
}

void connection_inspect(struct loop *loop, struct connection *c, bool late) {
  int32_t answer = first_inspect(c, late);
  if (answer == MORE) return;
  wheel_remove(loop, c);
  c->state = WAITING;
  if (answer == GONE) connection_finish(loop, c, END_CLIENT_GONE);
  else if (answer != WAIT) connection_route(loop, c, answer);
  first_forget(c);
}

void connection_failed(struct loop *loop, struct connection *c, enum cause cause) {
  wheel_remove(loop, c);
  connection_route(loop, c, failed(c, cause));
}

struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer) {
  struct connection *c = connection_new(loop, listener);
  if (unlikely(c == NULL)) {
    system_reset(fd);
    return NULL;
  }
  c->fd[CLIENT] = fd;
  c->peer = *peer;
  c->side[CLIENT] = WRITABLE;
  connection_unix(c, CLIENT, peer->family == AF_UNIX);
  c->last = (uint32_t)loop->now;
  c->state = WAITING;
  fairness_begins(loop);
  return c;
}

void connection_decided(struct loop *loop, struct connection *c, int32_t answer) {
  js_make_room(c->listener->engine);
  if (unlikely(answer == INSPECT)) {
    inspection_begins(loop, c);
  } else if (answer != WAIT) {
    connection_route(loop, c, answer);
  }
  if (c->state == FREE) return;
  // Only now, so that bytes which connect_start() has already read raise no event.
  int error = watch(loop, c, CLIENT, 0);
  c->watched = true;
  if (unlikely(error != 0)) {
    exhausted(c->listener->engine, AT_EPOLL, error);
    connection_finish(loop, c, END_CUT);
  } else if (c->state == OPEN && has_bytes(c)) {
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
  // A half-closed client still waits for its answer; a reset one does not.
  else if (events & (EPOLLERR | EPOLLHUP) && c->state != FREE) connection_finish(loop, c, END_CLIENT_GONE);
  else if (c->state == INSPECTED) connection_inspect(loop, c, false);
}

void connection_ready(struct loop *loop, struct connection *c) {
  js_make_room(c->listener->engine);
  if (c->state == OPEN) relay(loop, c);
  else if (c->state == DECIDED && unlikely(c->target == INSPECT)) inspection_begins(loop, c);
  else if (c->state == DECIDED) connection_route(loop, c, c->target);
}

// Moves bytes from one side to the other. Events are edge-triggered, so each direction remembers whether its source may
// have bytes (READABLE) and its sink may take some (WRITABLE). It continues until one of them says no or it has used
// its share of the round; then the connection goes on the ready list and others get their turn.
#include "bal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
  READS_PER_TURN = 8,     // each copies at most 32 KiB or splices a pipe full
  STREAM_STOPS_AT = 4096, // a splice that moves less than this was not worth its two calls
};

enum moved { BLOCKED, GOES_ON, SOURCE_BROKEN, SINK_BROKEN, NO_MEMORY };

void relay_count(struct loop *loop, struct connection *c, int direction, size_t bytes) {
  struct engine *engine = c->listener->engine;
  c->bytes[direction] += bytes;
  c->last = (uint32_t)loop->now;
  engine->bytes[2 * c->target + direction] += (double)bytes;
}

/**
 * Sets TCP_NODELAY on the backend before its second send. The first small send leaves at once anyway, so a connection
 * with one request saves the call. Clients inherit it from the listener.
 */
static void about_to_send(struct connection *c, int side) {
  if (likely(side == CLIENT || (c->side[side] & NO_DELAY))) return;
  if (c->side[side] & SENT) {
    int on = 1;
    setsockopt(c->fd[side], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->side[side] |= NO_DELAY;
  }
  c->side[side] |= SENT;
}

/** Notes that the sink takes no more for now. */
static enum moved sink_is_full(struct loop *loop, struct connection *c, int side) {
  c->side[side] &= (uint8_t)~WRITABLE;
  if (c->side[side] & WATCHES_OUT) return BLOCKED;
  int error = watch_out(loop, c, side);
  if (error == 0) return BLOCKED;
  exhausted(c->listener->engine, AT_EPOLL, error);
  return NO_MEMORY;
}

/** Passes the source's FIN on, once nothing is held any more. */
static enum moved pass_end_on(struct loop *loop, struct connection *c, int direction) {
  c->direction[direction] |= PASSED_ON;
  // When the other direction has ended too, closing both descriptors sends the FIN without this call.
  if (c->direction[!direction] & PASSED_ON) return BLOCKED;
  if (direction == BACKEND && !(c->direction[CLIENT] & ENDED)) deadline_half_closed(loop, c);
  return shutdown(c->fd[!direction], SHUT_WR) == 0 ? BLOCKED : SINK_BROKEN;
}

static void source_ended(struct connection *c, int direction) {
  c->direction[direction] |= ENDED;
  if (direction == BACKEND && !(c->direction[CLIENT] & ENDED)) c->backend_first = true;
}

/** Holds bytes that the sink did not take. */
static enum moved keep(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length) {
  return hold_bytes(loop, c, direction, bytes, length) ? sink_is_full(loop, c, !direction) : NO_MEMORY;
}

/** Whether the message at hand is all there is to do: both sides sound, nothing held, nothing to read. */
static bool nothing_else_to_do(const struct connection *c) {
  return !((c->side[CLIENT] | c->side[BACKEND]) & (READABLE | HUNG_UP | BROKEN | URGENT)) &&
         !((c->direction[CLIENT] | c->direction[BACKEND]) & ENDED) && c->held[CLIENT] == NULL &&
         c->held[BACKEND] == NULL;
}

/** Reads at most one buffer and writes it at once, or puts it aside until the end of the round. */
static enum moved copy(struct loop *loop, struct connection *c, int direction) {
  uint8_t *source = &c->side[direction];
  char *bytes = shared_room(loop);
  ssize_t got = recv(c->fd[direction], bytes, MESSAGE_BYTES, 0);
  if (got < 0) {
    if (errno == EINTR) return GOES_ON;
    if (errno != EAGAIN) return SOURCE_BROKEN;
    *source &= (uint8_t)~READABLE;
    return BLOCKED;
  }
  if (got == 0) {
    if (*source & BROKEN) return SOURCE_BROKEN; // an earlier call has consumed the error itself
    source_ended(c, direction);
    return GOES_ON;
  }
  if ((size_t)got == MESSAGE_BYTES) c->direction[direction] |= STREAM;
  else if (likely(!(*source & (URGENT | BROKEN) || c->unix_sides & 1 << direction))) {
    // A short read emptied the queue, and later bytes raise a new event. If the FIN is already here, this was all. But
    // from a Unix socket, recv(2) never reads past a message that carries descriptors.
    if (*source & HUNG_UP) source_ended(c, direction);
    else *source &= (uint8_t)~READABLE;
  }
  about_to_send(c, !direction);
  if (loop->batch.gathers && (size_t)got <= ASIDE_EACH && nothing_else_to_do(c) && ring_has_room(loop)) {
    ring_add(loop, c, direction, (size_t)got);
    return BLOCKED;
  }
  // If the end is passed on next, the FIN can travel with the last bytes.
  int flags = MSG_NOSIGNAL | (c->direction[direction] & ENDED ? MSG_MORE : 0);
  ssize_t put;
  do put = send(c->fd[!direction], bytes, (size_t)got, flags);
  while (unlikely(put < 0 && errno == EINTR));
  if (unlikely(put < 0)) {
    if (errno != EAGAIN) return SINK_BROKEN;
    put = 0;
  }
  if (put > 0) relay_count(loop, c, direction, (size_t)put);
  return likely(put == got) ? GOES_ON : keep(loop, c, direction, bytes + put, (size_t)(got - put));
}

/** Splices once into a pipe. The caller flushes it next. */
static enum moved splice_in(struct loop *loop, struct connection *c, int direction) {
  about_to_send(c, !direction);
  ssize_t got = hold_spliced(loop, c, direction);
  if (got > 0) {
    if (got < STREAM_STOPS_AT) c->direction[direction] &= (uint8_t)~STREAM;
    return GOES_ON;
  }
  if (got < 0) {
    if (errno == EAGAIN) {
      c->side[direction] &= (uint8_t)~READABLE;
      return BLOCKED;
    }
    if (errno == EINTR) return GOES_ON;
    return errno == ENOSYS ? copy(loop, c, direction) : SOURCE_BROKEN;
  }
  // Either EOF or urgent data at the head of the queue: splice(2) reports both as 0. A read tells which.
  c->direction[direction] |= NO_SPLICE;
  return copy(loop, c, direction);
}

/** Moves what one direction can move now, up to its share of the round. */
static enum moved move(struct loop *loop, struct connection *c, int direction) {
  uint8_t *state = &c->direction[direction];
  const uint8_t *source = &c->side[direction], *sink = &c->side[!direction];
  for (int reads = 0;;) {
    if (c->held[direction] != NULL) {
      if (!(*sink & WRITABLE)) return BLOCKED;
      enum flushed flushed = hold_flush(loop, c, direction);
      if (flushed == SINK_FAILED) return SINK_BROKEN;
      if (flushed == STILL_HELD) return sink_is_full(loop, c, !direction);
    }
    if (*state & ENDED) return *state & PASSED_ON ? BLOCKED : pass_end_on(loop, c, direction);
    if (!(*source & READABLE) || !(*sink & WRITABLE)) return BLOCKED;
    if (reads++ == READS_PER_TURN) return GOES_ON;
    bool splices = (*state & (STREAM | NO_SPLICE)) == STREAM && !(*source & URGENT) && loop->can.splice;
    enum moved moved = splices ? splice_in(loop, c, direction) : copy(loop, c, direction);
    if (moved != GOES_ON) return moved;
  }
}

/** Handles a reset side: resets the other one too, after the bytes sent before the reset, as far as they go out. */
static void side_is_broken(struct loop *loop, struct connection *c, int side) {
  if (c->side[!side] & WRITABLE && !(c->side[!side] & BROKEN) && move(loop, c, side) == GOES_ON) {
    ready_add(loop, c);
    return;
  }
  connection_finish(loop, c, side == CLIENT ? END_CLIENT_RESET : END_BACKEND_RESET);
}

/** Acts on the result of a move. False when the connection is done for now. */
static bool settle(struct loop *loop, struct connection *c, int direction, enum moved moved) {
  switch (moved) {
  case BLOCKED:
  case GOES_ON:
    return true;
  case SOURCE_BROKEN:
    connection_finish(loop, c, direction == CLIENT ? END_CLIENT_RESET : END_BACKEND_RESET);
    return false;
  case SINK_BROKEN:
    c->side[!direction] |= BROKEN | READABLE;
    hold_drop(loop, c, direction);
    side_is_broken(loop, c, !direction);
    return false;
  case NO_MEMORY:
    connection_finish(loop, c, END_CUT);
    return false;
  }
  return false;
}

void relay_unsent(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length,
                  bool broken) {
  settle(loop, c, direction, broken ? SINK_BROKEN : keep(loop, c, direction, bytes, length));
}

void relay_rest(struct loop *loop, struct connection *c) {
  for (int side = 0; side < 2; side++) c->side[side] |= READABLE | WRITABLE;
  relay(loop, c);
}

void relay(struct loop *loop, struct connection *c) {
  bool more = false;
  for (int direction = 0; direction < 2; direction++) {
    // Nothing can be moved to a broken side, but what it sent before can be moved from it.
    if (c->side[!direction] & BROKEN) continue;
    enum moved moved = move(loop, c, direction);
    if (unlikely(!settle(loop, c, direction, moved))) return;
    more |= moved == GOES_ON;
  }
  if (c->direction[CLIENT] & c->direction[BACKEND] & PASSED_ON) {
    connection_finish(loop, c, c->backend_first ? END_BACKEND_CLOSED : END_CLIENT_CLOSED);
  } else if (more) {
    ready_add(loop, c);
  } else if (c->side[CLIENT] & BROKEN) {
    connection_finish(loop, c, END_CLIENT_RESET);
  } else if (c->side[BACKEND] & BROKEN) {
    connection_finish(loop, c, END_BACKEND_RESET);
  }
}

// One attempt to reach a backend. A connect to the same machine is done when connect(2) returns, although it says
// EINPROGRESS. For such targets the client's first bytes are read and sent right away; when that works it saves the
// wait for EPOLLOUT and an event for the client's bytes. Which targets connect like that, and on which listeners
// clients talk first, is learnt and probed again now and then.
#include "bal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_EVERY = 64, SURE = 8 };

/** Adds an observation to a score between −SURE and SURE. */
static void learn(int8_t *score, bool yes) {
  if (yes && *score < SURE) ++*score;
  else if (!yes && *score > -SURE) --*score;
}

static bool worth_trying(int8_t score, uint8_t *since_probe) {
  if (score > 0) return true;
  if (++*since_probe < PROBE_EVERY) return false;
  *since_probe = 0;
  return true;
}

static bool names_itself(struct loop *loop, const struct connection *c, const struct target *target) {
  uint16_t port = ntohs(target->address.v6.sin6_port); // at the same offset in both families
  if (target->address.any.sa_family == AF_UNIX || !system_chooses(&loop->ports, port)) return false;
  return sockaddr_is_own(c->fd[BACKEND], &target->address);
}

static int open_socket(struct loop *loop, struct engine *engine, int family) {
  int protocol = family == AF_UNIX ? 0 : IPPROTO_TCP;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (likely(fd >= 0)) return fd;
  int error = errno;
  exhausted(engine, AT_SOCKET, error);
  if (out_of_descriptors(error) && reserve_use(loop)) {
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    error = errno;
  }
  errno = error;
  return fd;
}

static enum attempt failed(struct connection *c, int error, enum cause *cause) {
  if (c->fd[BACKEND] >= 0) close(c->fd[BACKEND]);
  c->fd[BACKEND] = -1;
  *cause = cause_of(error);
  return FAILED;
}

/** Reads what the client has sent so far into the shared room. Returns 0 for nothing yet or EOF, −1 if it is gone. */
static ssize_t read_first(struct loop *loop, struct connection *c) {
  struct engine *engine = c->listener->engine;
  char *bytes = shared_room(loop);
  ssize_t got = recv(c->fd[CLIENT], bytes, MESSAGE_BYTES, 0);
  if (got > 0) {
    learn(&c->listener->talks_first, true);
    if ((size_t)got == MESSAGE_BYTES) c->side[CLIENT] |= READABLE;
    // As in relay.c: a short read empties the queue, and later bytes raise a new event.
    else if (!(c->side[CLIENT] & (BROKEN | URGENT) || c->unix_sides & 1 << CLIENT)) {
      if (c->side[CLIENT] & HUNG_UP) c->direction[CLIENT] |= ENDED;
      else c->side[CLIENT] &= (uint8_t)~READABLE;
    }
    if (engine->first[TAKEN] > 0) {
      got -= engine->first[TAKEN];
      // Urgent data that was announced since the look ends the read early. Nobody who names clients sends any.
      if (unlikely(got < 0)) return -1;
      memmove(bytes, bytes + engine->first[TAKEN], (size_t)got);
    }
    engine->first[PEEKED] = engine->first[TAKEN] = 0;
    return got;
  }
  if (got == 0) {
    c->direction[CLIENT] |= ENDED;
    return 0;
  }
  if (errno != EAGAIN && errno != EINTR) return -1;
  learn(&c->listener->talks_first, false);
  return 0;
}

/**
 * Sends a preamble and the client's first bytes into a socket that is probably connected, and holds what it does not
 * take. If it takes nothing, the preamble is asked for again later.
 */
static enum attempt send_first(struct loop *loop, struct connection *c, size_t preamble, size_t length,
                               enum cause *cause) {
  struct engine *engine = c->listener->engine;
  struct target *target = &engine->targets[c->target];
  int error = ECONNREFUSED;
  ssize_t put = -1;
  if (likely(!names_itself(loop, c, target))) {
    put = first_send(loop, c, preamble, length);
    error = errno;
    learn(&target->quick, put > 0);
  }
  size_t taken = put > 0 ? (size_t)put : 0, sent = taken > preamble ? taken - preamble : 0;
  bool is_whole = sent == length || hold_bytes(loop, c, CLIENT, shared_room(loop) + sent, length - sent);
  if (unlikely(taken > 0 && taken < preamble)) {
    is_whole = is_whole && hold_in_front(loop, c, (char *)engine->scratch + taken, preamble - taken);
  }
  if (unlikely(!is_whole)) return NO_MEMORY_LEFT;
  if (likely(taken > 0)) {
    c->side[BACKEND] |= SENT;
    if (likely(sent > 0)) relay_count(loop, c, CLIENT, sent);
    return CONNECTED;
  }
  return error == EAGAIN || error == EINTR ? UNDER_WAY : failed(c, error, cause);
}

/**
 * Gathers what can be sent right after the connect: a preamble in the scratch, the client's first bytes in the shared
 * room. False if the attempt ends with `end`: the client is gone, or the policy has failed.
 */
static bool gather(struct loop *loop, struct connection *c, size_t *preamble, size_t *first, enum attempt *end) {
  struct engine *engine = c->listener->engine;
  struct target *target = &engine->targets[c->target];
  *preamble = *first = 0;
  bool shown = engine->first[PEEKED] + engine->first[TAKEN] > 0;
  if ((c->watched && !shown) || c->held[CLIENT] != NULL || c->direction[CLIENT] & ENDED) return true;
  if (!worth_trying(target->quick, &target->since_probe)) return true;
  if (unlikely(service_of(c)->preamble)) {
    int32_t length = js_preamble(c);
    *end = NO_MEMORY_LEFT;
    if (length < 0) return false;
    *preamble = (size_t)length;
  }
  struct listener *listener = c->listener;
  if (shown ? engine->first[PEEKED] == 0 : !worth_trying(listener->talks_first, &listener->since_probe)) return true;
  ssize_t got = read_first(loop, c);
  *end = CLIENT_LOST;
  *first = got > 0 ? (size_t)got : 0;
  return got >= 0;
}

enum attempt connect_start(struct loop *loop, struct connection *c, enum cause *cause) {
  if (unlikely(c->target == NOWHERE)) return failed(c, 0, cause);
  struct engine *engine = c->listener->engine;
  size_t preamble, first;
  enum attempt attempt;
  if (unlikely(!gather(loop, c, &preamble, &first, &attempt))) return attempt;
  // Only now: gather() may call the policy, whose route() may move the table.
  const struct target *target = &engine->targets[c->target];
  int fd = open_socket(loop, engine, target->address.any.sa_family);
  int error = fd < 0 ? errno : 0;
  c->fd[BACKEND] = fd;
  bool is_unix = target->address.any.sa_family == AF_UNIX;
  c->side[BACKEND] = is_unix ? WRITABLE | NO_DELAY : WRITABLE;
  connection_unix(c, BACKEND, is_unix);
  c->last = (uint32_t)loop->now;
  // There are bytes to send, so the handshake's last ACK can travel with them: one packet less.
  if (preamble + first > 0 && fd >= 0 && !is_unix) setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int));
  if (unlikely(target->sources != NULL) && fd >= 0) {
    error = sources_bind(target->sources, fd);
    exhausted(engine, AT_BIND, error);
  }
  if (likely(error == 0) && connect(fd, &target->address.any, target->length) != 0 && errno != EINPROGRESS) {
    error = errno;
    // No such socket, or its backlog is full: that is not exhaustion here.
    if (is_unix && (error == ENOENT || error == EAGAIN)) error = ECONNREFUSED;
    exhausted(engine, AT_CONNECT, error);
  }
  if (unlikely(error != 0)) {
    if (first > 0 && !hold_bytes(loop, c, CLIENT, shared_room(loop), first)) return NO_MEMORY_LEFT;
    return failed(c, error, cause);
  }
  // A Unix socket is connected when connect(2) returns, and its peer may already have closed it again.
  attempt = is_unix ? CONNECTED : UNDER_WAY;
  if (preamble + first > 0) attempt = send_first(loop, c, preamble, first, cause);
  if (attempt != CONNECTED && attempt != UNDER_WAY) return attempt;
  error = watch(loop, c, BACKEND, attempt == CONNECTED ? 0 : EPOLLOUT);
  if (likely(error == 0)) return attempt;
  exhausted(engine, AT_EPOLL, error);
  // Bytes were sent, so no other backend can be tried.
  return attempt == CONNECTED ? NO_MEMORY_LEFT : failed(c, error, cause);
}

enum attempt connect_event(struct loop *loop, struct connection *c, uint32_t events, enum cause *cause) {
  if (events & (EPOLLERR | EPOLLHUP)) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(c->fd[BACKEND], SOL_SOCKET, SO_ERROR, &error, &length);
    return failed(c, error == 0 ? ECONNRESET : error, cause);
  }
  if (!(events & EPOLLOUT)) return UNDER_WAY;
  if (names_itself(loop, c, &c->listener->engine->targets[c->target])) return failed(c, ECONNREFUSED, cause);
  return CONNECTED;
}

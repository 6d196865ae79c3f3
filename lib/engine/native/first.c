// What happens before relaying: the policy may inspect the client's first bytes before it names a target, and may send
// a preamble to the backend. First bytes are only peeked at and stay in the socket, so relaying is the same as without
// inspection. What the policy takes of them is dropped by the read before the connect, which reads the rest too, or on
// its own where there is none.
#include "bal.h"

#include <errno.h>
#include <sys/socket.h>

static ssize_t peek(struct connection *c) {
  ssize_t got;
  do got = recv(c->fd[CLIENT], c->listener->engine->scratch, c->listener->inspect_bytes, MSG_PEEK);
  while (got < 0 && errno == EINTR);
  return got;
}

int32_t first_inspect(struct connection *c, bool late) {
  struct engine *engine = c->listener->engine;
  if (c->listener->inspect_bytes == 0) return REFUSE; // this listener has no inspection
  for (;;) {
    ssize_t got = peek(c);
    if (got < 0 && errno != EAGAIN) return GONE;
    if (got < 0 && !late) return MORE;
    uint32_t bytes = got < 0 ? 0 : (uint32_t)got;
    bool ended = got == 0 || c->side[CLIENT] & HUNG_UP;
    enum inspection why = bytes == c->listener->inspect_bytes ? FULL : ended ? AT_ITS_END : late ? LATE : FIRST_BYTES;
    int32_t answer = js_inspected(engine, c, bytes, why);
    // A Unix socket's next read may end before what was taken does.
    if (likely(answer >= 0 && !(c->unix_sides & 1 << CLIENT))) return answer;
    bool some_taken = engine->first[TAKEN] > 0;
    first_forget(c);
    if (answer != MORE) return answer;
    // Bytes left after some were taken raise no event.
    if (some_taken) continue;
    return why == FIRST_BYTES ? MORE : REFUSE;
  }
}

void first_stand_for(struct connection *c) {
  struct engine *engine = c->listener->engine;
  int32_t port = engine->first[STANDS_FOR] - 1;
  if (port >= 0) peer_set(&c->peer, engine->ips, (uint16_t)port);
}

void first_forget(struct connection *c) {
  struct engine *engine = c->listener->engine;
  size_t bytes = (size_t)engine->first[TAKEN];
  engine->first[PEEKED] = engine->first[TAKEN] = 0;
  if (bytes == 0 || c->state == FREE) return;
  // TCP just drops the bytes and needs no buffer. They were there a moment ago, so this drops all of them.
  bool is_unix = c->unix_sides & 1 << CLIENT;
  char *room = is_unix ? shared_room(engine->loop) : NULL;
  if (recv(c->fd[CLIENT], room, bytes, is_unix ? 0 : MSG_TRUNC) == (ssize_t)bytes) return;
  c->side[CLIENT] |= BROKEN | READABLE;
}

bool first_preamble(struct loop *loop, struct connection *c) {
  int32_t length = js_preamble(c);
  if (length <= 0) return length == 0;
  const char *bytes = (const char *)c->listener->engine->scratch;
  ssize_t put;
  do put = send(c->fd[BACKEND], bytes, (size_t)length, MSG_NOSIGNAL);
  while (put < 0 && errno == EINTR);
  c->side[BACKEND] |= SENT;
  if (put < 0 && errno != EAGAIN) {
    c->side[BACKEND] |= BROKEN | READABLE;
    return true;
  }
  if (put < 0) put = 0;
  return put == length || hold_in_front(loop, c, bytes + put, (size_t)(length - put));
}

ssize_t first_send(struct loop *loop, struct connection *c, size_t preamble, size_t length) {
  char *ahead = (char *)c->listener->engine->scratch, *bytes = shared_room(loop);
  if (preamble == 0) return send(c->fd[BACKEND], bytes, length, MSG_NOSIGNAL);
  if (length == 0) return send(c->fd[BACKEND], ahead, preamble, MSG_NOSIGNAL);
  struct iovec parts[] = {{.iov_base = ahead, .iov_len = preamble}, {.iov_base = bytes, .iov_len = length}};
  return sendmsg(c->fd[BACKEND], &(struct msghdr){.msg_iov = parts, .msg_iovlen = 2}, MSG_NOSIGNAL);
}

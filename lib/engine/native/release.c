// Releases a connection as it is: its state goes into a record, its open descriptors become the caller's, and this
// engine forgets it. The allocation comes first because it may fail. Both sockets must be deleted from the epoll set:
// the open files live on elsewhere, so closing the descriptors would leave them in the set for ever.
#include "addon.h"
#include "handover.h"

#include <string.h>

/** Between rounds the whole state of an open connection is in its fields, in its sockets and in what is held. */
static bool can_go(const struct connection *c) { return c->state == OPEN && c->watched && !c->aside; }

static struct handover record_of(const struct loop *loop, const struct connection *c, const struct holding held[2]) {
  struct handover record;
  memset(&record, 0, sizeof record); // padding too
  record.version = HANDOVER_VERSION;
  record.size = (uint32_t)sizeof record + held[CLIENT].length + held[BACKEND].length;
  record.last = loop->now - ((uint32_t)loop->now - c->last);
  record.listener = c->listener->id;
  record.service = (int32_t)c->listener->engine->targets[c->target].service;
  record.target = c->target;
  for (int i = 0; i < 2; i++) {
    record.bytes[i] = c->bytes[i];
    record.held[i] = held[i].length;
    record.piped[i] = held[i].piped;
    record.side[i] = c->side[i] & HANDED_SIDE;
    record.direction[i] = c->direction[i] & HANDED_DIRECTION;
  }
  record.backend_first = c->backend_first;
  record.probed = c->probed;
  memcpy(record.peer.ip, c->peer.ip, sizeof record.peer.ip);
  record.peer.port = c->peer.port;
  record.peer.family = c->peer.family;
  return record;
}

static void list_descriptors(const struct connection *c, const struct holding held[2], int32_t fds[HANDOVER_FDS]) {
  int count = 0;
  for (int side = 0; side < 2; side++) fds[count++] = c->fd[side];
  for (int direction = 0; direction < 2; direction++) {
    if (held[direction].piped == 0) continue;
    fds[count++] = held[direction].out;
    fds[count++] = held[direction].in;
  }
  while (count < HANDOVER_FDS) fds[count++] = -1;
}

napi_value quiet_for(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct engine *engine = enter(env, info, 1, argv, false);
  int64_t id;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id)) return NULL;
  const struct connection *c = slot_find(engine->loop, (uint32_t)id);
  if (c == NULL || c->listener->engine != engine || !can_go(c)) return number(env, 0);
  return number(env, (uint32_t)engine->loop->now - c->last);
}

napi_value release_connection(napi_env env, napi_callback_info info) {
  napi_value argv[2], result;
  struct engine *engine = enter(env, info, 2, argv, false);
  int64_t id;
  int32_t *fds;
  size_t count;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id) ||
      !integers(env, argv[1], HANDOVER_FDS, "descriptors", &fds, &count)) {
    return NULL;
  }
  struct loop *loop = engine->loop;
  struct connection *c = slot_find(loop, (uint32_t)id);
  struct holding held[2];
  if (c == NULL || c->listener->engine != engine) return number(env, REFUSED_UNKNOWN);
  if (!can_go(c) || !hold_view(c, CLIENT, &held[CLIENT]) || !hold_view(c, BACKEND, &held[BACKEND])) {
    return number(env, REFUSED_BUSY);
  }
  struct handover record = record_of(loop, c, held);
  void *memory;
  if (napi_create_buffer(env, record.size, &memory, &result) != napi_ok) return number(env, REFUSED_EXHAUSTED);
  unwatch(loop, c, CLIENT);
  unwatch(loop, c, BACKEND);
  char *to = memory;
  memcpy(to, &record, sizeof record);
  to += sizeof record;
  for (int direction = 0; direction < 2; direction++) {
    if (held[direction].length > 0) memcpy(to, held[direction].bytes, held[direction].length);
    to += held[direction].length;
  }
  list_descriptors(c, held, fds);
  hold_release(loop, c, CLIENT);
  hold_release(loop, c, BACKEND);
  connection_forget(loop, c);
  slot_free(loop, c->index);
  listeners_sweep(loop);
  loop_adjust(loop);
  return result;
}

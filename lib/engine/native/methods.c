// The methods of an engine, as engine.ts describes them.
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** route(target, ip, port) */
static napi_value route(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  struct engine *engine = enter(env, info, 3, argv, true);
  int64_t target, port;
  char ip[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
  size_t length;
  if (engine == NULL || !integer(env, argv[0], 0, (double)engine->target_count - 1, "target", &target) ||
      !integer(env, argv[2], 1, 65535, "port", &port)) {
    return NULL;
  }
  if (napi_get_value_string_utf8(env, argv[1], ip, sizeof ip, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot use ip: it is not a string");
    return NULL;
  }
  struct target fresh = {.quick = 0};
  char *scope = strchr(ip, '%');
  if (scope != NULL) *scope++ = '\0';
  if (scope == NULL && inet_pton(AF_INET, ip, &fresh.address.v4.sin_addr) == 1) {
    fresh.address.v4.sin_family = AF_INET;
    fresh.address.v4.sin_port = htons((uint16_t)port);
    fresh.length = sizeof fresh.address.v4;
    fresh.quick = ip[0] == '1' && strncmp(ip, "127.", 4) == 0;
  } else if (inet_pton(AF_INET6, ip, &fresh.address.v6.sin6_addr) == 1) {
    fresh.address.v6.sin6_family = AF_INET6;
    fresh.address.v6.sin6_port = htons((uint16_t)port);
    fresh.address.v6.sin6_scope_id = scope != NULL ? if_nametoindex(scope) : 0;
    fresh.length = sizeof fresh.address.v6;
    fresh.quick = IN6_IS_ADDR_LOOPBACK(&fresh.address.v6.sin6_addr);
  } else {
    napi_throw_type_error(env, "ERR_INVALID_IP_ADDRESS", "Cannot use ip: it is not an IPv4 or IPv6 address");
    return NULL;
  }
  engine->targets[target] = fresh;
  return undefined(env);
}

/** listen(listener, fd, backlog, connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs): `fd` stays the caller's. */
static napi_value listen_on(napi_env env, napi_callback_info info) {
  napi_value argv[7];
  struct engine *engine = enter(env, info, 7, argv, false);
  int64_t id, fd, backlog, connect_ms, idle_ms, keepalive_ms, half_closed_ms;
  if (engine == NULL || !integer(env, argv[0], INT32_MIN, INT32_MAX, "listener", &id) ||
      !integer(env, argv[1], 0, INT32_MAX, "fd", &fd) || !integer(env, argv[2], 0, INT32_MAX, "backlog", &backlog) ||
      !integer(env, argv[3], 1, 1 << 30, "connectTimeoutMs", &connect_ms) ||
      !integer(env, argv[4], 1, 1 << 30, "idleMs", &idle_ms) ||
      !integer(env, argv[5], 0, 1 << 30, "keepaliveMs", &keepalive_ms) ||
      !integer(env, argv[6], 1, 1 << 30, "halfClosedMs", &half_closed_ms)) {
    return NULL;
  }
  int own = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    throw_errno(env, errno, "listen");
    return NULL;
  }
  struct listener *listener = calloc(1, sizeof *listener);
  int error = ENOMEM;
  if (listener != NULL) {
    listener->engine = engine;
    listener->id = (int32_t)id;
    listener->connect_ms = (uint32_t)connect_ms;
    listener->idle_ms = (uint32_t)idle_ms;
    listener->keepalive_ms = (uint32_t)keepalive_ms;
    listener->half_closed_ms = (uint32_t)half_closed_ms;
    error = listener_start(listener, own, (int)backlog);
  }
  if (error == 0) return undefined(env);
  free(listener);
  close(own);
  throw_errno(env, error, "listen");
  return NULL;
}

/** decide(connection, target): takes effect in the next round; ignored when the connection no longer waits. */
static napi_value decide(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct engine *engine = enter(env, info, 2, argv, false);
  int64_t id, target;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id) ||
      !integer(env, argv[1], REFUSE, (double)engine->target_count - 1, "target", &target)) {
    return NULL;
  }
  struct connection *c = slot_find(engine->loop, (uint32_t)id);
  if (c != NULL && c->listener->engine == engine && c->state == WAITING) {
    c->target = (int32_t)target;
    c->state = DECIDED;
    ready_add(engine->loop, c);
  }
  return undefined(env);
}

static void stop_accepting_all(struct engine *engine) {
  for (struct listener *listener = engine->loop->listeners; listener != NULL; listener = listener->next) {
    if (listener->engine == engine) listener_stop(listener);
  }
}

/** Cuts the connections of one listener, or with `all` of the whole engine. Some may end by themselves just now: not counted. */
static uint32_t cut_connections(struct engine *engine, bool all, int32_t listener) {
  struct loop *loop = engine->loop;
  uint32_t count = 0;
  // The policy must not call back, so no connection can appear meanwhile; slabs may go away as they empty.
  for (uint32_t i = 0; i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c == NULL || c->listener->engine != engine || (!all && c->listener->id != listener)) continue;
    js_make_room(engine);
    count += connection_leave(loop, c, END_CUT);
  }
  js_flush(engine);
  listeners_sweep(loop);
  loop_adjust(loop);
  return count;
}

/** stopAccepting() */
static napi_value stop_accepting(napi_env env, napi_callback_info info) {
  struct engine *engine = enter(env, info, 0, NULL, false);
  if (engine == NULL) return NULL;
  stop_accepting_all(engine);
  listeners_sweep(engine->loop);
  loop_adjust(engine->loop);
  return undefined(env);
}

/** cut(listener) → how many */
static napi_value cut(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct engine *engine = enter(env, info, 1, argv, false);
  int64_t id;
  if (engine == NULL || !integer(env, argv[0], INT32_MIN, INT32_MAX, "listener", &id)) return NULL;
  bool inside = engine->loop->inside;
  engine->loop->inside = true; // JavaScript called, so it can be called
  uint32_t count = cut_connections(engine, false, (int32_t)id);
  engine->loop->inside = inside;
  return number(env, count);
}

void engine_release(struct engine *engine) {
  napi_env env = engine->loop->env;
  napi_ref *refs[] = {&engine->self, &engine->accepted, &engine->failed, &engine->told, &engine->bytes_ref, &engine->records_ref, &engine->relayed_ref, &engine->clients_ref};
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
    if (*refs[i] != NULL) napi_delete_reference(env, *refs[i]);
    *refs[i] = NULL;
  }
  for (struct engine **at = &engine->loop->engines; *at != NULL; at = &(*at)->next) {
    if (*at != engine) continue;
    *at = engine->next;
    break;
  }
  engine->loop = NULL;
}

/** close() */
static napi_value close_engine(napi_env env, napi_callback_info info) {
  struct engine *engine = enter(env, info, 0, NULL, false);
  if (engine == NULL) return NULL;
  struct loop *loop = engine->loop;
  bool inside = loop->inside;
  loop->inside = true;
  stop_accepting_all(engine);
  cut_connections(engine, true, 0);
  loop->inside = inside;
  engine_release(engine);
  return undefined(env);
}

/** clientAddress(connection) → `ip:port`, `[ip]:port`, '' */
static napi_value client_address(napi_env env, napi_callback_info info) {
  napi_value argv[1], result = NULL;
  struct engine *engine = enter(env, info, 1, argv, true);
  int64_t id;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id)) return NULL;
  const struct peer *peer = slot_peer(engine->loop, (uint32_t)id);
  char text[PEER_TEXT];
  const char *end = peer_write(peer, text);
  return napi_create_string_latin1(env, text, (size_t)(end - text), &result) == napi_ok ? result : NULL;
}

/** shortages() → { 'accept EMFILE': 3, … } */
static napi_value shortages(napi_env env, napi_callback_info info) {
  struct engine *engine = enter(env, info, 0, NULL, true);
  napi_value result;
  char name[48];
  if (engine == NULL || napi_create_object(env, &result) != napi_ok) return NULL;
  for (int place = 0; place < SHORTAGE_PLACES; place++) {
    for (int i = 0; i < SHORTAGE_ERRORS; i++) {
      if (engine->shortages[place][i] == 0) continue;
      snprintf(name, sizeof name, "%s %s", shortage_place_name((enum shortage_place)place), uv_err_name(-shortage_error(i)));
      if (napi_set_named_property(env, result, name, number(env, (double)engine->shortages[place][i])) != napi_ok) return NULL;
    }
  }
  return result;
}

bool define_methods(napi_env env, napi_value engine) {
  static const napi_property_descriptor methods[] = {
      {"route", NULL, route, NULL, NULL, NULL, napi_default_method, NULL},
      {"listen", NULL, listen_on, NULL, NULL, NULL, napi_default_method, NULL},
      {"decide", NULL, decide, NULL, NULL, NULL, napi_default_method, NULL},
      {"stopAccepting", NULL, stop_accepting, NULL, NULL, NULL, napi_default_method, NULL},
      {"cut", NULL, cut, NULL, NULL, NULL, napi_default_method, NULL},
      {"close", NULL, close_engine, NULL, NULL, NULL, napi_default_method, NULL},
      {"clientAddress", NULL, client_address, NULL, NULL, NULL, napi_default_method, NULL},
      {"shortages", NULL, shortages, NULL, NULL, NULL, napi_default_method, NULL},
  };
  return napi_define_properties(env, engine, sizeof methods / sizeof *methods, methods) == napi_ok;
}

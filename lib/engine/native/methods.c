// The methods of an engine, as described in engine.ts.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** listen(listener, fd, backlog, keepaliveMs, inspectBytes, inspectMs): the caller still owns `fd`. */
static napi_value listen_on(napi_env env, napi_callback_info info) {
  napi_value argv[6];
  struct engine *engine = enter(env, info, 6, argv, false);
  int64_t id, fd, backlog, keepalive_ms, inspect_bytes, inspect_ms;
  if (engine == NULL || !integer(env, argv[0], INT32_MIN, INT32_MAX, "listener", &id) ||
      !integer(env, argv[1], 0, INT32_MAX, "fd", &fd) || !integer(env, argv[2], 0, INT32_MAX, "backlog", &backlog) ||
      !integer(env, argv[3], 0, 1 << 30, "keepaliveMs", &keepalive_ms) ||
      !integer(env, argv[4], 0, FIRST_AT_MOST, "inspectBytes", &inspect_bytes) ||
      !integer(env, argv[5], 0, 1 << 30, "inspectMs", &inspect_ms) || (inspect_bytes > 0 && !scratch(env, engine))) {
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
    listener->keepalive_ms = (uint32_t)keepalive_ms;
    listener->inspect_bytes = (uint32_t)inspect_bytes;
    listener->inspect_ms = (uint32_t)inspect_ms;
    error = listener_start(listener, own, (int)backlog);
  }
  if (error == 0) return undefined(env);
  free(listener);
  close(own);
  throw_errno(env, error, "listen");
  return NULL;
}

/** decide(connection, target): takes effect in the next round. Ignored if the connection is no longer waiting. */
static napi_value decide(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct engine *engine = enter(env, info, 2, argv, false);
  int64_t id, target;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id) ||
      !integer(env, argv[1], INSPECT, INT32_MAX, "target", &target)) {
    return NULL;
  }
  if (target == WAIT) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "Cannot use target: WAIT is not a decision");
    return NULL;
  }
  struct connection *c = slot_find(engine->loop, (uint32_t)id);
  if (c != NULL && c->listener->engine == engine && c->state == WAITING) {
    connection_target(c, (int32_t)target);
    c->state = DECIDED;
    ready_add(engine->loop, c);
  }
  return undefined(env);
}

static void stop_accepting_all(struct engine *engine) {
  for (struct listener *listener = engine->loop->accepting.listeners; listener != NULL; listener = listener->next) {
    if (listener->engine == engine) listener_stop(listener);
  }
}

/** Which connections to cut. native.ts depends on the order. */
enum whose { OF_LISTENER, OF_SERVICE, OF_TARGET, ONE, OF_ENGINE };

static bool belongs(const struct connection *c, enum whose whose, int64_t id) {
  const struct engine *engine = c->listener->engine;
  switch (whose) {
  case OF_LISTENER:
    return c->listener->id == id;
  case OF_SERVICE:
    return c->target >= 0 && engine->targets[c->target].service == id;
  case OF_TARGET:
    return c->target >= 0 && c->target == id;
  case ONE:
    return c->index == id;
  case OF_ENGINE:
    return true;
  }
  return false;
}

/** Cuts connections and counts them. Does not count those that end by themselves just now. */
static uint32_t cut_connections(struct engine *engine, enum whose whose, int64_t id) {
  struct loop *loop = engine->loop;
  uint32_t count = 0, first = 0, limit = slot_limit(loop);
  // No connection can appear during this, because the policy must not call back. Slabs may go away as they empty.
  if (whose == ONE) {
    if (id < 0 || id >= limit) return 0;
    first = (uint32_t)id;
    limit = first + 1;
  }
  for (uint32_t i = first; i < limit && i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c == NULL || c->listener->engine != engine || !belongs(c, whose, id)) continue;
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

/** cut(whose, id) → how many */
static napi_value cut(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct engine *engine = enter(env, info, 2, argv, false);
  int64_t whose, id;
  if (engine == NULL || !integer(env, argv[0], OF_LISTENER, ONE, "whose", &whose) ||
      !integer(env, argv[1], INT32_MIN, INT32_MAX, "id", &id)) {
    return NULL;
  }
  bool inside = engine->loop->js.inside;
  engine->loop->js.inside = true; // JavaScript called, so JavaScript may be called
  uint32_t count = cut_connections(engine, (enum whose)whose, id);
  engine->loop->js.inside = inside;
  return number(env, count);
}

void engine_release(struct engine *engine) {
  napi_env env = engine->loop->js.env;
  napi_ref *refs[] = {&engine->self,        &engine->accepted,    &engine->failed,      &engine->reported,
                      &engine->bytes_ref,   &engine->records_ref, &engine->look,        &engine->preamble,
                      &engine->relayed_ref, &engine->clients_ref, &engine->ips_ref,     &engine->scratch_ref,
                      &engine->called,      &engine->first_ref};
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
  bool inside = loop->js.inside;
  loop->js.inside = true;
  stop_accepting_all(engine);
  cut_connections(engine, OF_ENGINE, 0);
  loop->js.inside = inside;
  engine_release(engine);
  return undefined(env);
}

/** exhaustion() → { 'accept EMFILE': 3, … } */
static napi_value exhaustion(napi_env env, napi_callback_info info) {
  struct engine *engine = enter(env, info, 0, NULL, true);
  napi_value result;
  char name[48];
  if (engine == NULL || napi_create_object(env, &result) != napi_ok) return NULL;
  for (int place = 0; place < EXHAUSTION_PLACES; place++) {
    for (int i = 0; i < EXHAUSTION_ERRORS; i++) {
      if (engine->exhausted[place][i] == 0) continue;
      snprintf(name, sizeof name, "%s %s", exhaustion_place_name((enum exhaustion_place)place),
               uv_err_name(-exhaustion_error(i)));
      napi_value count = number(env, (double)engine->exhausted[place][i]);
      if (napi_set_named_property(env, result, name, count) != napi_ok) return NULL;
    }
  }
  return result;
}

bool define_methods(napi_env env, napi_value engine) {
  static const napi_property_descriptor methods[] = {
      {"service", NULL, set_service, NULL, NULL, NULL, napi_default_method, NULL},
      {"route", NULL, set_route, NULL, NULL, NULL, napi_default_method, NULL},
      {"unroute", NULL, unset_route, NULL, NULL, NULL, napi_default_method, NULL},
      {"listen", NULL, listen_on, NULL, NULL, NULL, napi_default_method, NULL},
      {"decide", NULL, decide, NULL, NULL, NULL, napi_default_method, NULL},
      {"stopAccepting", NULL, stop_accepting, NULL, NULL, NULL, napi_default_method, NULL},
      {"cut", NULL, cut, NULL, NULL, NULL, napi_default_method, NULL},
      {"quietFor", NULL, quiet_for, NULL, NULL, NULL, napi_default_method, NULL},
      {"release", NULL, release_connection, NULL, NULL, NULL, napi_default_method, NULL},
      {"adopt", NULL, adopt_connection, NULL, NULL, NULL, napi_default_method, NULL},
      {"close", NULL, close_engine, NULL, NULL, NULL, napi_default_method, NULL},
      {"clientIp", NULL, client_ip, NULL, NULL, NULL, napi_default_method, NULL},
      {"clientAddress", NULL, client_address, NULL, NULL, NULL, napi_default_method, NULL},
      {"standFor", NULL, stand_for, NULL, NULL, NULL, napi_default_method, NULL},
      {"exhaustion", NULL, exhaustion, NULL, NULL, NULL, napi_default_method, NULL},
  };
  return napi_define_properties(env, engine, sizeof methods / sizeof *methods, methods) == napi_ok;
}

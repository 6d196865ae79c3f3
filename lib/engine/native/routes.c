// Targets and services: where connections lead, and their settings. JavaScript assigns the ids, small integers that
// come and go. The tables are as long as the largest id so far needs.
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS_AT_MOST = 1 << 20, SERVICES_AT_MOST = 1 << 16, FIRST_ROOM = 16, SOURCES_AT_MOST = 64 };

bool target_leads(const struct engine *engine, int64_t target) {
  return target >= 0 && target < engine->target_room && engine->targets[target].length > 0;
}

void connection_target(struct connection *c, int32_t target) {
  struct engine *engine = c->listener->engine;
  if (c->target >= 0) engine->targets[c->target].live--;
  if (likely(target_leads(engine, target))) engine->targets[target].live++;
  else if (target >= 0) target = NOWHERE;
  c->target = target;
}

/** The new capacity for this id. Doubles, so that ids that grow one by one rarely reallocate. */
static uint32_t room_for(uint32_t room, int64_t id) {
  if (room == 0) room = FIRST_ROOM;
  while (room <= id) room *= 2;
  return room;
}

bool targets_grow(napi_env env, napi_value self, struct engine *engine, int64_t target) {
  uint32_t before = engine->target_room, room = room_for(before, target);
  if (room == before) return true;
  struct target *targets = realloc(engine->targets, room * sizeof *targets);
  if (targets == NULL) return false;
  memset(targets + before, 0, (room - before) * sizeof *targets);
  engine->targets = targets;
  double *bytes;
  napi_ref ref;
  if (!numbers(env, self, "bytes", napi_float64_array, (size_t)2 * room, &bytes, &ref)) return false;
  if (engine->bytes_ref != NULL) {
    memcpy(bytes, engine->bytes, 2 * before * sizeof *bytes);
    napi_delete_reference(env, engine->bytes_ref);
  }
  engine->bytes = bytes;
  engine->bytes_ref = ref;
  engine->target_room = room;
  return true;
}

static bool services_grow(struct engine *engine, int64_t service) {
  uint32_t before = engine->service_room, room = room_for(before, service);
  if (room == before) return true;
  struct service *services = realloc(engine->services, room * sizeof *services);
  if (services == NULL) return false;
  memset(services + before, 0, (room - before) * sizeof *services);
  engine->services = services;
  engine->service_room = room;
  return true;
}

/** Applies new settings to existing connections: makes each timer due, so that it is checked again. */
static void ask_again(struct engine *engine, uint32_t service) {
  struct loop *loop = engine->loop;
  for (uint32_t i = 0; i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c == NULL || !c->timed || c->listener->engine != engine) continue;
    if (c->target < 0 || engine->targets[c->target].service != service) continue;
    wheel_remove(loop, c);
    wheel_add(loop, c, (uint32_t)loop->now, 0);
  }
}

napi_value set_service(napi_env env, napi_callback_info info) {
  napi_value argv[6];
  struct engine *engine = enter(env, info, 6, argv, false);
  int64_t id, connect_ms, idle_ms, keepalive_ms, half_closed_ms, preamble;
  if (engine == NULL || !integer(env, argv[0], 0, SERVICES_AT_MOST - 1, "service", &id) ||
      !integer(env, argv[1], 1, 1 << 30, "connectTimeoutMs", &connect_ms) ||
      !integer(env, argv[2], 1, 1 << 30, "idleMs", &idle_ms) ||
      !integer(env, argv[3], 0, 1 << 30, "keepaliveMs", &keepalive_ms) ||
      !integer(env, argv[4], 1, 1 << 30, "halfClosedMs", &half_closed_ms) ||
      !integer(env, argv[5], 0, 1, "preamble", &preamble) || (preamble && !scratch(env, engine))) {
    return NULL;
  }
  if (!services_grow(engine, id)) {
    throw_errno(env, ENOMEM, "keep the service");
    return NULL;
  }
  bool is_new = engine->services[id].connect_ms == 0;
  engine->services[id] = (struct service){
      .connect_ms = (uint32_t)connect_ms,
      .idle_ms = (uint32_t)idle_ms,
      .half_closed_ms = (uint32_t)half_closed_ms,
      .keepalive_ms = (uint32_t)keepalive_ms,
      .preamble = preamble,
  };
  if (!is_new) ask_again(engine, (uint32_t)id);
  return undefined(env);
}

static napi_value refuse(napi_env env, int64_t target, const char *why) {
  char text[96];
  snprintf(text, sizeof text, "Cannot route target %d: %s", (int)target, why);
  napi_throw_error(env, "ERR_INVALID_STATE", text);
  return NULL;
}

napi_value set_route(napi_env env, napi_callback_info info) {
  napi_value argv[5], self;
  struct engine *engine = enter(env, info, 5, argv, true);
  int64_t target, service, port;
  char ip[sizeof(struct sockaddr_un)];
  char sources[SOURCES_AT_MOST * INET6_ADDRSTRLEN];
  size_t length;
  if (engine == NULL || !integer(env, argv[0], 0, TARGETS_AT_MOST - 1, "target", &target) ||
      !integer(env, argv[1], 0, SERVICES_AT_MOST - 1, "service", &service) ||
      !integer(env, argv[3], 0, 65535, "port", &port)) {
    return NULL;
  }
  if (napi_get_value_string_utf8(env, argv[2], ip, sizeof ip, &length) != napi_ok ||
      napi_get_value_string_utf8(env, argv[4], sources, sizeof sources, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot use ip or sources: it is not a string");
    return NULL;
  }
  if (service >= engine->service_room || engine->services[service].connect_ms == 0) {
    return refuse(env, target, "its service is not known");
  }
  struct target fresh = {.service = (uint32_t)service};
  fresh.length = (uint8_t)sockaddr_read(&fresh.address, ip, (uint16_t)port);
  if (fresh.length == 0) {
    napi_throw_type_error(env, "ERR_INVALID_IP_ADDRESS", "Cannot use ip: it is no address with a port, nor a path");
    return NULL;
  }
  fresh.quick = sockaddr_is_local(&fresh.address);
  if (napi_get_reference_value(env, engine->self, &self) != napi_ok || !targets_grow(env, self, engine, target)) {
    throw_errno(env, ENOMEM, "keep the target");
    return NULL;
  }
  const struct target *before = &engine->targets[target];
  if (before->length == 0) engine->bytes[2 * target] = engine->bytes[2 * target + 1] = 0;
  else if (before->service != fresh.service) return refuse(env, target, "it belongs to another service");
  if (sources[0] != '\0' && (fresh.sources = sources_read(sources, fresh.address.any.sa_family)) == NULL) {
    throw_errno(env, errno, "use the sources");
    return NULL;
  }
  fresh.live = before->live;
  free(before->sources);
  engine->targets[target] = fresh;
  return undefined(env);
}

napi_value unset_route(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct engine *engine = enter(env, info, 1, argv, true);
  int64_t target;
  if (engine == NULL || !integer(env, argv[0], 0, TARGETS_AT_MOST - 1, "target", &target)) return NULL;
  bool is_known = target_leads(engine, target);
  bool is_used = is_known && engine->targets[target].live > 0;
  if (is_known && !is_used) {
    engine->targets[target].length = 0;
    free(engine->targets[target].sources);
    engine->targets[target].sources = NULL;
  }
  napi_value gone;
  return napi_get_boolean(env, !is_used, &gone) == napi_ok ? gone : NULL;
}

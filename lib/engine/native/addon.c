// The surface towards JavaScript: native.ts is the only caller. Wrong arguments throw; nothing here trusts them.
//
//   create(accepted, failed, told, targets) → engine { bytes, records, relayed, clients, route, listen, … }
//     accepted(records, count)                → answers (target | REFUSE | WAIT) into `engine.clients`, which holds [connection, listener] of each
//     failed(records, connection, cause)      → target | REFUSE
//     told(records)
//   where `records` is how many records of `engine.records` and `engine.relayed` are to be read first.
#include "bal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Changes when native.ts and this file must change together. */
enum { PROTOCOL = 3 };

static const napi_type_tag ENGINE_TAG = {0x62616c2d656e6769, 0x6e652d6e61746976};

/* ---- arguments ------------------------------------------------------------------------------------------------ */

/** The engine behind `this`, its arguments in `argv`; null after throwing. `inside`: allowed in the policy's callbacks. */
static struct engine *enter(napi_env env, napi_callback_info info, size_t count, napi_value *argv, bool inside) {
  napi_value self;
  size_t given = count;
  bool tagged = false;
  struct engine *engine = NULL;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &given, argv, &self, NULL) != napi_ok || napi_typeof(env, self, &type) != napi_ok ||
      type != napi_object || napi_check_object_type_tag(env, self, &ENGINE_TAG, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, self, (void **)&engine) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_THIS", "Cannot call this: `this` is not an engine");
    return NULL;
  }
  if (given < count) {
    napi_throw_type_error(env, "ERR_MISSING_ARGS", "Cannot call this: arguments are missing");
    return NULL;
  }
  if (engine->loop == NULL) {
    napi_throw_error(env, "ERR_INVALID_STATE", "Cannot use the engine: it is closed");
    return NULL;
  }
  if (engine->loop->calling && !inside) {
    napi_throw_error(env, "ERR_INVALID_STATE", "Cannot call the engine: a callback of the policy is running");
    return NULL;
  }
  return engine;
}

/** An integer between `low` and `high`; false after throwing. */
static bool integer(napi_env env, napi_value value, double low, double high, const char *name, int64_t *result) {
  double number;
  char text[96];
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= low && number <= high &&
      number == (double)(int64_t)number) {
    *result = (int64_t)number;
    return true;
  }
  snprintf(text, sizeof text, "Cannot use %s: it is not an integer between %.0f and %.0f", name, low, high);
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", text);
  return false;
}

static napi_value undefined(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

static napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static void throw_errno(napi_env env, int error, const char *what) {
  char text[160];
  napi_value code, message, thrown;
  snprintf(text, sizeof text, "Cannot %s: %s, %s", what, uv_err_name(-error), uv_strerror(-error));
  if (napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code) == napi_ok &&
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) == napi_ok &&
      napi_create_error(env, code, message, &thrown) == napi_ok) {
    napi_throw(env, thrown);
  }
}

/* ---- methods -------------------------------------------------------------------------------------------------- */

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

/** listen(listener, fd, backlog, connectTimeoutMs, idleMs): `fd` stays the caller's. */
static napi_value listen_on(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  struct engine *engine = enter(env, info, 5, argv, false);
  int64_t id, fd, backlog, connect_ms, idle_ms;
  if (engine == NULL || !integer(env, argv[0], INT32_MIN, INT32_MAX, "listener", &id) ||
      !integer(env, argv[1], 0, INT32_MAX, "fd", &fd) || !integer(env, argv[2], 0, INT32_MAX, "backlog", &backlog) ||
      !integer(env, argv[3], 1, 1 << 30, "connectTimeoutMs", &connect_ms) ||
      !integer(env, argv[4], 1, 1 << 30, "idleMs", &idle_ms)) {
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

/** Cuts the connections of one listener, or with `all` of the whole engine. */
static uint32_t cut_connections(struct engine *engine, bool all, int32_t listener) {
  struct loop *loop = engine->loop;
  uint32_t count = 0;
  // The policy must not call back, so no connection can appear meanwhile; slabs may go away as they empty.
  for (uint32_t i = 0; i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c == NULL || c->listener->engine != engine || (!all && c->listener->id != listener)) continue;
    js_make_room(engine);
    connection_finish(loop, c, END_CUT);
    count++;
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

static void engine_release(struct engine *engine) {
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
  char ip[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16] = "";
  if (peer != NULL && inet_ntop(peer->family, peer->ip, ip, sizeof ip) != NULL) {
    snprintf(text, sizeof text, peer->family == AF_INET ? "%s:%u" : "[%s]:%u", ip, ntohs(peer->port));
  }
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result) == napi_ok ? result : NULL;
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

/* ---- creation ------------------------------------------------------------------------------------------------- */

/** A typed array of `length` zeros as a property of `self`, its memory, and a reference that keeps it. */
static bool numbers(napi_env env, napi_value self, const char *name, napi_typedarray_type type, size_t length, void *memory,
                    napi_ref *ref) {
  napi_value buffer, array;
  size_t size = type == napi_float64_array ? sizeof(double) : sizeof(int32_t);
  return napi_create_arraybuffer(env, length * size, memory, &buffer) == napi_ok &&
         napi_create_typedarray(env, type, length, buffer, 0, &array) == napi_ok &&
         napi_set_named_property(env, self, name, array) == napi_ok && napi_create_reference(env, buffer, 1, ref) == napi_ok;
}

static void engine_finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct engine *engine = data;
  free(engine->targets);
  free(engine);
}

static napi_value create(napi_env env, napi_callback_info info) {
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
  napi_value argv[4], self;
  size_t given = 4;
  int64_t targets;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = 0; i < 3; i++) {
    napi_valuetype type = napi_undefined;
    if (i < given) napi_typeof(env, argv[i], &type);
    if (type == napi_function) continue;
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot create the engine: a callback is not a function");
    return NULL;
  }
  if (!integer(env, given > 3 ? argv[3] : undefined(env), 1, 1 << 20, "targets", &targets)) return NULL;
  struct loop *loop = loop_of(env);
  struct engine *engine = calloc(1, sizeof *engine);
  if (engine != NULL) engine->targets = calloc((size_t)targets, sizeof *engine->targets);
  if (loop == NULL || engine == NULL || engine->targets == NULL || napi_create_object(env, &self) != napi_ok ||
      napi_type_tag_object(env, self, &ENGINE_TAG) != napi_ok ||
      napi_wrap(env, self, engine, engine_finalize, NULL, NULL) != napi_ok) {
    if (engine != NULL) free(engine->targets);
    free(engine);
    throw_errno(env, loop == NULL && errno != 0 ? errno : ENOMEM, "create the engine");
    return NULL;
  }
  // From here on the object owns the memory.
  engine->target_count = (uint32_t)targets;
  engine->told_slots = NONE;
  engine->loop = loop;
  engine->next = loop->engines;
  loop->engines = engine;
  size_t counters = 2 * (size_t)targets;
  if (numbers(env, self, "bytes", napi_float64_array, counters, &engine->bytes, &engine->bytes_ref) &&
      numbers(env, self, "records", napi_int32_array, (size_t)2 * RECORDS, &engine->records, &engine->records_ref) &&
      numbers(env, self, "relayed", napi_float64_array, (size_t)2 * RECORDS, &engine->relayed, &engine->relayed_ref) &&
      numbers(env, self, "clients", napi_int32_array, (size_t)2 * CLIENTS, &engine->clients, &engine->clients_ref) &&
      napi_create_reference(env, argv[0], 1, &engine->accepted) == napi_ok &&
      napi_create_reference(env, argv[1], 1, &engine->failed) == napi_ok &&
      napi_create_reference(env, argv[2], 1, &engine->told) == napi_ok &&
      napi_create_reference(env, self, 1, &engine->self) == napi_ok &&
      napi_define_properties(env, self, sizeof methods / sizeof *methods, methods) == napi_ok) {
    return self;
  }
  engine_release(engine);
  throw_errno(env, ENOMEM, "create the engine");
  return NULL;
}

NAPI_MODULE_INIT() {
  // Node ignores SIGPIPE; splice(2) into a reset socket raises it, so make sure.
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
  napi_value function;
  if (napi_create_function(env, "create", NAPI_AUTO_LENGTH, create, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "create", function) != napi_ok ||
      napi_set_named_property(env, exports, "protocol", number(env, PROTOCOL)) != napi_ok) {
    napi_throw_error(env, NULL, "Cannot set up the addon");
  }
  return exports;
}

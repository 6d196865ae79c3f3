// The JavaScript interface. native.ts is the only caller. Arguments are checked; wrong ones throw.
//
//   shareScoreboard(fd, row, rows)            makes the other workers visible; the caller still owns `fd`
//   callWorker(row)                           calls that worker's `called` soon, if it exists and its loop runs
//   mapShared(fd, offset, bytes)              → ArrayBuffer; the caller still owns `fd`
//   makeRoom()                                see table.c
//   notify(path, text)                        see notify.c
//   reap(pid), leave(code)                    see init.c
//   openChannel(path, listens, wake)          → a channel, see channel.c
//   openTcpChecks(wake)                       → see tcp-check.c
//   ringError()                               the name of the errno that prevents sending messages together, or ''
//   create(accepted, failed, reported, inspected, preamble, called) → engine { bytes, records, relayed, … }
//     accepted(records, count, known)         `engine.clients` has [connection, listener] of `count` clients; the
//                                             answer, target | REFUSE | WAIT | INSPECT, replaces it. Bit i of `known`:
//                                             the client's address is at 16 × i in `engine.ips`
//     failed(records, connection, cause)      → target | REFUSE | WAIT
//     reported(records)
//     inspected(records, connection, bytes)   → target | REFUSE | WAIT | MORE; `bytes`: 4 × the number of bytes in
//                                             `engine.scratch` + the index into INSPECTIONS. `engine.first` says how
//                                             many of them are left and how many are taken, which the callee may
//                                             change, and who the client stands for
//     preamble(records, connection)           → the number of bytes for the backend in `engine.scratch`, or −1. Both
//                                             ends of the client are in `engine.ips` and `engine.first`
//     called(records)                         another worker has called, once or more; optional
//   `records` is the number of records in `engine.records` and `engine.relayed` that must be read first.
#include "addon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/** Bump PROTOCOL when native.ts and this file must change together. */
enum { PROTOCOL = 24, CALLBACKS = 5 };

static void engine_finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct engine *engine = data;
  for (uint32_t i = 0; i < engine->target_room; i++) free(engine->targets[i].sources);
  free(engine->targets);
  free(engine->services);
  free(engine);
}

static napi_value create(napi_env env, napi_callback_info info) {
  napi_value argv[CALLBACKS + 1], self;
  size_t given = CALLBACKS + 1;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = 0; i < CALLBACKS; i++) {
    napi_valuetype type = napi_undefined;
    if (i < given) napi_typeof(env, argv[i], &type);
    if (type == napi_function) continue;
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot create the engine: a callback is not a function");
    return NULL;
  }
  napi_valuetype called = napi_undefined;
  if (given > CALLBACKS) napi_typeof(env, argv[CALLBACKS], &called);
  struct loop *loop = loop_of(env);
  struct engine *engine = calloc(1, sizeof *engine);
  if (loop == NULL || engine == NULL || napi_create_object(env, &self) != napi_ok ||
      napi_type_tag_object(env, self, &ENGINE_TAG) != napi_ok ||
      napi_wrap(env, self, engine, engine_finalize, NULL, NULL) != napi_ok) {
    free(engine);
    throw_errno(env, loop == NULL && errno != 0 ? errno : ENOMEM, "create the engine");
    return NULL;
  }
  // From here on the object owns the engine.
  engine->ended_slots = engine->inspected = NONE;
  engine->loop = loop;
  engine->next = loop->engines;
  loop->engines = engine;
  if (targets_grow(env, self, engine, 0) &&
      numbers(env, self, "records", napi_int32_array, (size_t)2 * RECORDS, &engine->records, &engine->records_ref) &&
      numbers(env, self, "relayed", napi_float64_array, (size_t)2 * RECORDS, &engine->relayed, &engine->relayed_ref) &&
      numbers(env, self, "clients", napi_int32_array, (size_t)2 * CLIENTS, &engine->clients, &engine->clients_ref) &&
      numbers(env, self, "ips", napi_uint8_array, (size_t)IP_PLACES * PEER_BYTES, &engine->ips, &engine->ips_ref) &&
      numbers(env, self, "first", napi_int32_array, FIRST_NUMBERS, &engine->first, &engine->first_ref) &&
      napi_create_reference(env, argv[0], 1, &engine->accepted) == napi_ok &&
      napi_create_reference(env, argv[1], 1, &engine->failed) == napi_ok &&
      napi_create_reference(env, argv[2], 1, &engine->reported) == napi_ok &&
      napi_create_reference(env, argv[3], 1, &engine->look) == napi_ok &&
      napi_create_reference(env, argv[4], 1, &engine->preamble) == napi_ok &&
      (called != napi_function || napi_create_reference(env, argv[CALLBACKS], 1, &engine->called) == napi_ok) &&
      napi_create_reference(env, self, 1, &engine->self) == napi_ok && define_methods(env, self)) {
    return self;
  }
  engine_release(engine);
  throw_errno(env, ENOMEM, "create the engine");
  return NULL;
}

static napi_value share_scoreboard(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  size_t given = 3;
  int64_t fd, row, rows;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = given; i < 3; i++) argv[i] = undefined(env);
  if (!integer(env, argv[0], 0, INT32_MAX, "fd", &fd) || !integer(env, argv[1], 1, 1 << 16, "row", &row) ||
      !integer(env, argv[2], 1, 1 << 16, "rows", &rows)) {
    return NULL;
  }
  struct loop *loop = loop_of(env);
  int error = loop == NULL ? ENOMEM : scoreboard_open(loop, (int)fd, (uint32_t)row, (uint32_t)rows);
  if (error != 0) throw_errno(env, error, "share the scoreboard");
  return undefined(env);
}

static napi_value call_worker(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t given = 1;
  int64_t row;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  if (!integer(env, argv[0], 1, 1 << 16, "row", &row)) return NULL;
  struct loop *loop = loop_of(env);
  if (loop != NULL && scoreboard_has(loop, (uint32_t)row)) scoreboard_call(loop, (uint32_t)row);
  return undefined(env);
}

static napi_value ring_error(napi_env env, napi_callback_info info) {
  (void)info;
  struct loop *loop = loop_of(env);
  int error = loop == NULL ? ENOMEM : loop->batch.error;
  napi_value name;
  const char *text = error == 0 ? "" : uv_err_name(-error);
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &name) == napi_ok ? name : NULL;
}

NAPI_MODULE_INIT() {
  // splice(2) into a reset socket raises SIGPIPE. Node ignores it, but make sure.
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
  const napi_property_descriptor functions[] = {
      {.utf8name = "ringError", .method = ring_error, .attributes = napi_enumerable},
      {.utf8name = "create", .method = create, .attributes = napi_enumerable},
      {.utf8name = "callWorker", .method = call_worker, .attributes = napi_enumerable},
      {.utf8name = "leave", .method = leave, .attributes = napi_enumerable},
      {.utf8name = "reap", .method = reap, .attributes = napi_enumerable},
      {.utf8name = "makeRoom", .method = make_room, .attributes = napi_enumerable},
      {.utf8name = "notify", .method = notify, .attributes = napi_enumerable},
      {.utf8name = "openChannel", .method = open_channel, .attributes = napi_enumerable},
      {.utf8name = "openTcpChecks", .method = open_tcp_checks, .attributes = napi_enumerable},
      {.utf8name = "openTcpRounds", .method = open_tcp_rounds, .attributes = napi_enumerable},
      {.utf8name = "mapShared", .method = map_shared, .attributes = napi_enumerable},
      {.utf8name = "shareScoreboard", .method = share_scoreboard, .attributes = napi_enumerable},
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok ||
      napi_set_named_property(env, exports, "protocol", number(env, PROTOCOL)) != napi_ok) {
    napi_throw_error(env, NULL, "Cannot set up the addon");
  }
  return exports;
}

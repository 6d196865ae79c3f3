// Calls into JavaScript. They are few and carry only numbers: events without an answer (`connected`, `ended`) are
// recorded and delivered with the next question or at the end of the round. So a short connection costs about one call,
// and the policy still gets everything in order.
#include "bal.h"

#include <arpa/inet.h>

static bool enter(struct loop *loop) {
  if (loop->js.inside) return true;
  if (loop->closing) return false;
  napi_value resource;
  if (napi_open_handle_scope(loop->js.env, &loop->js.handles) != napi_ok) return false;
  if (napi_get_reference_value(loop->js.env, loop->js.resource, &resource) == napi_ok &&
      napi_open_callback_scope(loop->js.env, resource, loop->js.context, &loop->js.callback) == napi_ok) {
    loop->js.inside = true;
    return true;
  }
  napi_close_handle_scope(loop->js.env, loop->js.handles);
  return false;
}

void calls_leave(struct loop *loop) {
  if (!loop->js.inside) return;
  // `inside` stays true here: ticks and microtasks run now and may call the engine's methods.
  napi_close_callback_scope(loop->js.env, loop->js.callback);
  napi_close_handle_scope(loop->js.env, loop->js.handles);
  loop->js.inside = false;
}

/** native.ts catches what the policy throws. Any other exception becomes an uncaught one, as in a timer. */
static void report(struct loop *loop) {
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(loop->js.env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(loop->js.env, &error) == napi_ok) napi_fatal_exception(loop->js.env, error);
}

/** Frees the slots of connections that the policy now knows to be over. */
static void free_ended(struct engine *engine) {
  while (engine->ended_slots != NONE) {
    uint32_t index = engine->ended_slots;
    engine->ended_slots = slot_at(engine->loop, index)->ready.next;
    slot_free(engine->loop, index);
  }
}

/** Calls with the number of pending records and two more numbers. False when there is no result. */
static bool call(struct engine *engine, napi_ref function, uint32_t first, int32_t second, int32_t *result) {
  struct loop *loop = engine->loop;
  napi_env env = loop->js.env;
  napi_value callee, receiver, argv[3], value;
  uint32_t records = engine->recorded;
  engine->recorded = 0;
  bool called = false;
  if (likely(enter(loop))) {
    loop->js.called = true;
    if (likely(napi_get_reference_value(env, function, &callee) == napi_ok &&
               napi_get_undefined(env, &receiver) == napi_ok && napi_create_uint32(env, records, &argv[0]) == napi_ok &&
               napi_create_uint32(env, first, &argv[1]) == napi_ok &&
               napi_create_int32(env, second, &argv[2]) == napi_ok)) {
      loop->js.calling = true;
      called = napi_call_function(env, receiver, callee, 3, argv, &value) == napi_ok;
      loop->js.calling = false;
      if (unlikely(!called)) report(loop);
      else if (result != NULL && napi_get_value_int32(env, value, result) != napi_ok) called = false;
    }
  }
  free_ended(engine);
  return called;
}

void js_accepted(struct engine *engine, int count, int32_t known) {
  if (likely(call(engine, engine->accepted, (uint32_t)count, known, NULL))) return;
  for (int i = 0; i < count; i++) engine->clients[2 * i] = REFUSE;
}

int32_t js_failed(struct engine *engine, uint32_t connection, enum cause cause) {
  int32_t answer;
  return call(engine, engine->failed, connection, (int32_t)cause, &answer) ? answer : REFUSE;
}

int32_t js_inspected(struct engine *engine, struct connection *c, uint32_t bytes, enum inspection why) {
  int32_t answer;
  engine->inspected = c->index;
  engine->first[PEEKED] = (int32_t)bytes;
  engine->first[TAKEN] = engine->first[STANDS_FOR] = 0;
  bool answered = call(engine, engine->look, c->index, (int32_t)(bytes * 4 + why), &answer);
  engine->inspected = NONE;
  first_stand_for(c);
  return answered ? answer : REFUSE;
}

/** Puts the client's address and the one that it connected to where the policy reads them, which saves two calls. */
static void show_ends(struct engine *engine, const struct connection *c) {
  struct peer local;
  accept_local(c, &local);
  const struct peer *ends[] = {&c->peer, &local};
  for (int i = 0; i < 2; i++) {
    bool is_known = peer_bytes(ends[i], engine->ips + (ENDS + i) * PEER_BYTES);
    engine->first[CLIENT_PORT + i] = is_known ? 1 + ntohs(ends[i]->port) : 0;
  }
}

int32_t js_preamble(const struct connection *c) {
  struct engine *engine = c->listener->engine;
  int32_t bytes;
  show_ends(engine, c);
  bool answered = call(engine, engine->preamble, c->index, 0, &bytes);
  return answered && bytes <= FIRST_AT_MOST ? bytes : -1;
}

/** Appends a record: two integers, which create no garbage in JavaScript, and the byte counts as doubles. */
static void record(struct engine *engine, int32_t kind, const struct connection *c) {
  if (unlikely(engine->loop->closing || engine->recorded == RECORDS)) return; // js_make_room() rules out the latter
  uint32_t at = 2 * engine->recorded++;
  engine->records[at] = kind;
  engine->records[at + 1] = (int32_t)c->index;
  engine->relayed[at] = (double)c->bytes[CLIENT];
  engine->relayed[at + 1] = (double)c->bytes[BACKEND];
}

void js_connected(struct connection *c) { record(c->listener->engine, RECORD_CONNECTED, c); }

void js_ended(struct connection *c, enum end end) { record(c->listener->engine, (int32_t)end, c); }

void js_flush(struct engine *engine) {
  if (engine->recorded > 0) call(engine, engine->reported, 0, 0, NULL);
}

void calls_flush(struct loop *loop) {
  for (struct engine *engine = loop->engines; engine != NULL; engine = engine->next) js_flush(engine);
}

void calls_called(struct loop *loop) {
  if (likely(!loop->scoreboard.called)) return;
  loop->scoreboard.called = false;
  for (struct engine *engine = loop->engines; engine != NULL; engine = engine->next) {
    if (engine->called != NULL) call(engine, engine->called, 0, 0, NULL);
  }
}

void js_make_room(struct engine *engine) {
  if (unlikely(engine->recorded + 2 > RECORDS)) js_flush(engine);
}

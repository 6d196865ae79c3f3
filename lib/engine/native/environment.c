// The loop of a JavaScript environment: assembles it from all parts and shuts it down with the environment. All engines
// of the environment share it, because only one loop can do the waiting.
#include "bal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void forget_engines(struct loop *loop) {
  for (struct engine *engine = loop->engines; engine != NULL; engine = engine->next) engine->loop = NULL;
  loop->engines = NULL;
}

static const struct hooks HOOKS = {
    .event = {[CLIENT] = events_side, [BACKEND] = events_side, [FOR_LISTENER] = accept_event},
    .begin = ring_begin,
    .end = ring_end,
    // New clients come after the events of connections. They may have sent something by then.
    .turns = {accept_round, ready_turn, wheel_turn, accept_resume, fairness_come_back, pools_turn, calls_called,
              calls_flush, listeners_sweep, scoreboard_publish, loop_adjust, calls_leave},
    .dues = {ready_due, wheel_due, accept_due, fairness_due, pools_due},
    .rests = {pools_free},
    .closes = {events_close, accept_close, forget_engines, scoreboard_close, pools_free, ring_close, reserve_close},
};

static void forget(struct loop *loop) {
  slots_close(loop);
  free(loop);
}

static void on_closed(struct loop *loop) {
  napi_remove_async_cleanup_hook(loop->js.cleanup);
  forget(loop);
}

static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  struct loop *loop = data;
  loop->js.cleanup = handle;
  napi_env env = loop->js.env;
  loop_end(loop, on_closed);
  napi_async_destroy(env, loop->js.context);
  napi_delete_reference(env, loop->js.resource);
}

static bool enter_environment(struct loop *loop) {
  napi_env env = loop->js.env;
  napi_value resource, name;
  return napi_create_object(env, &resource) == napi_ok &&
         napi_create_reference(env, resource, 1, &loop->js.resource) == napi_ok &&
         napi_create_string_utf8(env, "bal", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, resource, name, &loop->js.context) == napi_ok &&
         napi_add_async_cleanup_hook(env, on_cleanup, loop, &loop->js.cleanup) == napi_ok;
}

struct loop *loop_of(napi_env env) {
  struct loop *loop = NULL;
  uv_loop_t *uv;
  if (napi_get_instance_data(env, (void **)&loop) != napi_ok || loop != NULL) return loop;
  if (napi_get_uv_event_loop(env, &uv) != napi_ok || (loop = loop_make(uv, &HOOKS)) == NULL) return NULL;
  loop->js.env = env;
  system_probe(loop);
  system_batch();
  slots_init(loop);
  ready_init(loop);
  wheel_init(loop);
  loop->batch.error = ring_open(loop);
  reserve_fill(loop);
  if (!enter_environment(loop)) {
    close(loop->epoll);
    ring_close(loop);
    reserve_close(loop);
    forget(loop); // nothing better can be done if the environment fails like this
    return NULL;
  }
  loop_begin(loop);
  return napi_set_instance_data(env, loop, NULL, NULL) == napi_ok ? loop : NULL;
}

// Calls from here into JavaScript.
#ifndef BAL_CALLS_H
#define BAL_CALLS_H

#include "connection.h"

struct script {
  napi_env env;
  napi_ref resource;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_handle_scope handles;
  napi_callback_scope callback;
  bool inside;  // it may be called: it called us, or our scopes are open
  bool calling; // a callback of the policy is running
  bool called;  // it ran in this round
};

enum { RECORDS = 64, RECORD_CONNECTED = -1 };

/** Hands over what waits of all engines, at the end of each round … */
void calls_flush(struct loop *loop);
/** Tells those who want to know that another worker has called. */
void calls_called(struct loop *loop);
/** … and lets microtasks and ticks run, which may call anything. */
void calls_leave(struct loop *loop);
/** Asks where `count` clients go: engine->clients has [connection, listener] of each, answers replace connections. */
void js_accepted(struct engine *engine, int count);
int32_t js_failed(struct engine *engine, uint32_t connection, enum cause cause);
/** Shows the policy what is in the scratch: a target, REFUSE, WAIT or MORE. */
int32_t js_inspected(struct engine *engine, const struct connection *c, uint32_t bytes, enum inspection why);
/** So many bytes for the backend are in the scratch now; < 0: the policy has failed. */
int32_t js_preamble(struct engine *engine, uint32_t connection);
void js_connected(struct connection *c);
void js_ended(struct connection *c, enum end end);
/** Room for the two records that one event can cause. Frees no slot of a live connection. */
void js_make_room(struct engine *engine);
/** Hands over the records that wait. */
void js_flush(struct engine *engine);

#endif

// Calls into JavaScript.
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
  bool inside;  // JavaScript may be called: it called us, or our scopes are open
  bool calling; // a callback of the policy is running
  bool called;  // JavaScript ran in this round
};

enum { RECORDS = 64, RECORD_CONNECTED = -1 };

/** Delivers the pending records of all engines at the end of a round … */
void calls_flush(struct loop *loop);
/** Tells the engines that asked for it that another worker has called. */
void calls_called(struct loop *loop);
/** … and runs microtasks and ticks, which may call any method. */
void calls_leave(struct loop *loop);
/**
 * Asks the policy where `count` clients go. engine->clients has [connection, listener] for each; the answer replaces
 * the connection. Bit i of `known`: engine->ips has the address of the client i.
 */
void js_accepted(struct engine *engine, int count, int32_t known);
int32_t js_failed(struct engine *engine, uint32_t connection, enum cause cause);
/** Shows the policy the bytes in the scratch. Returns a target, REFUSE, WAIT or MORE. */
int32_t js_inspected(struct engine *engine, struct connection *c, uint32_t bytes, enum inspection why);
/** Asks for the preamble. Returns how many bytes of it are in the scratch; < 0: the policy has failed. */
int32_t js_preamble(const struct connection *c);
void js_connected(struct connection *c);
void js_ended(struct connection *c, enum end end);
/** Makes room for the two records that one event can cause. Frees no slot of a live connection. */
void js_make_room(struct engine *engine);
/** Delivers the pending records. */
void js_flush(struct engine *engine);

#endif

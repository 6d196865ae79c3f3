// A JavaScript object that owns a descriptor. Its `wake` callback runs as long as the descriptor is readable.
#ifndef BAL_WATCH_H
#define BAL_WATCH_H

#include "addon.h"

/** Must be the first member of the structure behind the object. free(3) is called on the whole in the end. */
struct watch {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref wake, self;           // `self` keeps the object while it is open
  bool (*came)(struct watch *);  // called before `wake`; false: nothing for it; may be null
  void (*end)(struct watch *);   // called on close; may be null
  int fd;                        // −1: closed
  bool wrapped, polled;          // the JavaScript object, or libuv, still refers to it
};

struct watch_kind {
  const napi_type_tag *tag;
  const char *what; // completes "Cannot open …"
  const napi_property_descriptor *methods;
  size_t count;
};

/** Checks that the value is a function. False after throwing. */
bool watch_callback(napi_env env, napi_value value, const struct watch_kind *kind);
/**
 * Creates the object of a `watch` that is zeroed except for `came` and `end`, and takes over both `watch` and `fd`.
 * Null after throwing; both are released then, and `end` is not called. Pass a null `watch` if its allocation failed.
 */
napi_value watch_make(napi_env env, struct watch *watch, const struct watch_kind *kind, int fd, napi_value wake);
/** Returns the open watch of that kind behind `this`, with its arguments in `argv`. Null after throwing. */
struct watch *watch_enter(napi_env env, napi_callback_info info, const struct watch_kind *kind, size_t count,
                          napi_value *argv);
/** Calls `wake` again after watch_pause(). */
void watch_resume(struct watch *watch);
void watch_pause(struct watch *watch);
void watch_close(struct watch *watch);

#endif

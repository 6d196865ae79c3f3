// An object of JavaScript's with a descriptor behind it, that is woken as long as the descriptor is readable.
#ifndef BAL_WATCH_H
#define BAL_WATCH_H

#include "addon.h"

/** The first member of what is behind the object; all of it is given to free(3) in the end. */
struct watch {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref wake, self;           // `self` keeps the object while it is open
  void (*end)(struct watch *);   // it is closed now; may be null
  int fd;                        // −1: closed
  bool wrapped, polled;          // the object, or libuv, still has it
};

struct watch_kind {
  const napi_type_tag *tag;
  const char *what; // completes "Cannot open …"
  const napi_property_descriptor *methods;
  size_t count;
};

/** The value is a function; false after throwing. */
bool watch_callback(napi_env env, napi_value value, const struct watch_kind *kind);
/**
 * The object of a `watch` that is all zeros but for `end`; both that and `fd` are its own from now on. Null after
 * throwing, with both gone and `end` not called. A null `watch`: there was no memory for it.
 */
napi_value watch_make(napi_env env, struct watch *watch, const struct watch_kind *kind, int fd, napi_value wake);
/** What is behind `this`, if it is open and of that kind, its arguments in `argv`; null after throwing. */
struct watch *watch_enter(napi_env env, napi_callback_info info, const struct watch_kind *kind, size_t count,
                          napi_value *argv);
/** Calls `wake` again after watch_pause(). */
void watch_resume(struct watch *watch);
void watch_pause(struct watch *watch);
void watch_close(struct watch *watch);

#endif

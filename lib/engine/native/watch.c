// The life cycle of watches between JavaScript, which may collect the object, libuv, which lets go later, and the
// environment, which may end before both.
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void let_go(struct watch *watch) {
  if (!watch->wrapped && !watch->polled) free(watch);
}

static void unpolled(uv_handle_t *handle) {
  struct watch *watch = handle->data;
  napi_remove_async_cleanup_hook(watch->cleanup);
  watch->polled = false;
  let_go(watch);
}

void watch_close(struct watch *watch) {
  if (watch->fd < 0) return;
  uv_poll_stop(&watch->poll);
  close(watch->fd);
  watch->fd = -1;
  if (watch->end != NULL) watch->end(watch);
  napi_async_destroy(watch->env, watch->context);
  napi_delete_reference(watch->env, watch->wake);
  napi_delete_reference(watch->env, watch->self);
  uv_close((uv_handle_t *)&watch->poll, unpolled);
}

/** The environment ends. Closing the watch removes this hook. */
static void at_the_end(napi_async_cleanup_hook_handle cleanup, void *data) {
  struct watch *watch = data;
  watch->cleanup = cleanup;
  watch_close(watch);
}

static void collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct watch *watch = data;
  watch->wrapped = false;
  let_go(watch);
}

static void something_came(uv_poll_t *poll, int status, int events) {
  (void)status; // the callback finds the error itself
  (void)events;
  struct watch *watch = poll->data;
  if (watch->came != NULL && !watch->came(watch)) return;
  napi_env env = watch->env;
  napi_handle_scope scope;
  napi_value self, wake;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, watch->self, &self) == napi_ok &&
      napi_get_reference_value(env, watch->wake, &wake) == napi_ok) {
    // An uncaught exception, as in a timer. If it stayed pending, the next call would throw it.
    napi_value error;
    if (napi_make_callback(env, watch->context, self, wake, 0, NULL, NULL) == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

struct watch *watch_enter(napi_env env, napi_callback_info info, const struct watch_kind *kind, size_t count,
                          napi_value *argv) {
  napi_value self;
  size_t given = count;
  bool tagged = false;
  struct watch *watch = NULL;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &given, argv, &self, NULL) == napi_ok && given >= count &&
      napi_typeof(env, self, &type) == napi_ok && type == napi_object &&
      napi_check_object_type_tag(env, self, kind->tag, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, (void **)&watch) == napi_ok && watch->fd >= 0) {
    return watch;
  }
  napi_throw_type_error(env, "ERR_INVALID_THIS", "Cannot call this: `this` is not open, or lacks arguments");
  return NULL;
}

void watch_resume(struct watch *watch) { uv_poll_start(&watch->poll, UV_READABLE, something_came); }

void watch_pause(struct watch *watch) { uv_poll_stop(&watch->poll); }

static bool begin(struct watch *watch, const struct watch_kind *kind, napi_value self, napi_value wake) {
  napi_env env = watch->env;
  napi_value name;
  uv_loop_t *uv;
  if (napi_define_properties(env, self, kind->count, kind->methods) != napi_ok ||
      napi_get_uv_event_loop(env, &uv) != napi_ok || uv_poll_init(uv, &watch->poll, watch->fd) != 0) {
    return false;
  }
  watch->poll.data = watch;
  watch->polled = true;
  if (napi_create_string_utf8(env, "bal", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, self, name, &watch->context) != napi_ok ||
      napi_create_reference(env, wake, 1, &watch->wake) != napi_ok ||
      napi_create_reference(env, self, 1, &watch->self) != napi_ok ||
      napi_add_async_cleanup_hook(env, at_the_end, watch, &watch->cleanup) != napi_ok) {
    napi_fatal_error("watch.c", NAPI_AUTO_LENGTH, "no memory for what is to be woken", NAPI_AUTO_LENGTH);
  }
  uv_unref((uv_handle_t *)&watch->poll);
  return uv_poll_start(&watch->poll, UV_READABLE, something_came) == 0;
}

static napi_value not_opened(napi_env env, const struct watch_kind *kind) {
  char what[64];
  snprintf(what, sizeof what, "open %s", kind->what);
  return throw_errno(env, ENOMEM, what), NULL;
}

napi_value watch_make(napi_env env, struct watch *watch, const struct watch_kind *kind, int fd, napi_value wake) {
  napi_value self;
  if (watch == NULL || napi_create_object(env, &self) != napi_ok ||
      napi_type_tag_object(env, self, kind->tag) != napi_ok ||
      napi_wrap(env, self, watch, collected, NULL, NULL) != napi_ok) {
    free(watch);
    close(fd);
    return not_opened(env, kind);
  }
  watch->wrapped = true;
  watch->env = env;
  watch->fd = fd;
  if (begin(watch, kind, self, wake)) return self;
  watch->end = NULL;
  if (watch->polled) watch_close(watch);
  else close(fd);
  watch->fd = -1;
  return not_opened(env, kind);
}

bool watch_callback(napi_env env, napi_value value, const struct watch_kind *kind) {
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) return true;
  char what[96];
  snprintf(what, sizeof what, "Cannot open %s: the callback is not a function", kind->what);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", what);
  return false;
}

// Channels of channel.h as JavaScript sees them: objects that are woken when there is something to accept or to
// receive. What is said is JavaScript's business.
//
//   openChannel(path, listens, wake) → channel    wake() is called as long as something is there
//   channel.accept(wake) → channel; undefined: nobody is there, or it is not for us; null: not now, to be tried again
//   channel.send(bytes, descriptors) → see enum sent; the descriptors stay the caller's
//   channel.receive(bytes, descriptors) → a length, 0: nothing is there, −1: it is over, −2: a message was torn
//   channel.peer() → the pid of who has connected, 0: nobody knows
//   channel.close()                               nothing else may be called afterwards
#include "channel.h"
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_AT_MOST = 4096 };
static const napi_type_tag CHANNEL_TAG = {0x62616c2d6368616e, 0x6e656c2d756e6978};

struct channel {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref wake, self;  // `self` keeps the object while it is open
  int fd;               // −1: closed
  bool wrapped, polled; // the object, or libuv, still has it
};

static void let_go(struct channel *channel) {
  if (!channel->wrapped && !channel->polled) free(channel);
}

static void unpolled(uv_handle_t *handle) {
  struct channel *channel = handle->data;
  napi_remove_async_cleanup_hook(channel->cleanup);
  channel->polled = false;
  let_go(channel);
}

static void channel_close(struct channel *channel) {
  if (channel->fd < 0) return;
  uv_poll_stop(&channel->poll);
  close(channel->fd);
  channel->fd = -1;
  napi_async_destroy(channel->env, channel->context);
  napi_delete_reference(channel->env, channel->wake);
  napi_delete_reference(channel->env, channel->self);
  uv_close((uv_handle_t *)&channel->poll, unpolled);
}

/** The environment ends; closing it is what removes this hook. */
static void at_the_end(napi_async_cleanup_hook_handle cleanup, void *data) {
  struct channel *channel = data;
  channel->cleanup = cleanup;
  channel_close(channel);
}

static void collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct channel *channel = data;
  channel->wrapped = false;
  let_go(channel);
}

static void something_came(uv_poll_t *poll, int status, int events) {
  (void)status; // an error is found by whoever receives
  (void)events;
  struct channel *channel = poll->data;
  napi_env env = channel->env;
  napi_handle_scope scope;
  napi_value self, wake;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, channel->self, &self) == napi_ok &&
      napi_get_reference_value(env, channel->wake, &wake) == napi_ok) {
    // As uncaught as in a timer; left where it is, it would be thrown by whatever is called next.
    napi_value error;
    if (napi_make_callback(env, channel->context, self, wake, 0, NULL, NULL) == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

static struct channel *enter_channel(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  napi_value self;
  size_t given = count;
  bool tagged = false;
  struct channel *channel = NULL;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &given, argv, &self, NULL) == napi_ok && given >= count &&
      napi_typeof(env, self, &type) == napi_ok && type == napi_object &&
      napi_check_object_type_tag(env, self, &CHANNEL_TAG, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, (void **)&channel) == napi_ok && channel->fd >= 0) {
    return channel;
  }
  napi_throw_type_error(env, "ERR_INVALID_THIS", "Cannot call this: `this` is not an open channel, or lacks arguments");
  return NULL;
}

static napi_value accept_channel(napi_env env, napi_callback_info info);

static napi_value send_message(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct channel *channel = enter_channel(env, info, 2, argv);
  void *bytes;
  int32_t *fds;
  size_t length, count;
  if (channel == NULL || !octets(env, argv[0], "bytes", &bytes, &length) ||
      !integers(env, argv[1], 0, "descriptors", &fds, &count)) {
    return NULL;
  }
  // An empty message would be taken for the end.
  if (length == 0 || count > CHANNEL_FDS) return throw_errno(env, EINVAL, "send a message"), NULL;
  return number(env, channel_send(channel->fd, bytes, length, fds, count));
}

static napi_value receive_message(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct channel *channel = enter_channel(env, info, 2, argv);
  void *bytes;
  int32_t *fds;
  size_t room, count;
  if (channel == NULL || !octets(env, argv[0], "bytes", &bytes, &room) ||
      !integers(env, argv[1], CHANNEL_FDS, "descriptors", &fds, &count)) {
    return NULL;
  }
  return number(env, (double)channel_receive(channel->fd, bytes, room, fds));
}

static napi_value peer_of(napi_env env, napi_callback_info info) {
  struct channel *channel = enter_channel(env, info, 0, NULL);
  return channel == NULL ? NULL : number(env, channel_peer(channel->fd));
}

static napi_value close_channel(napi_env env, napi_callback_info info) {
  struct channel *channel = enter_channel(env, info, 0, NULL);
  if (channel != NULL) channel_close(channel);
  return undefined(env);
}

static bool begin(struct channel *channel, napi_value self, napi_value wake) {
  napi_env env = channel->env;
  napi_value name;
  uv_loop_t *uv;
  const napi_property_descriptor methods[] = {
      {.utf8name = "accept", .method = accept_channel, .attributes = napi_enumerable},
      {.utf8name = "send", .method = send_message, .attributes = napi_enumerable},
      {.utf8name = "receive", .method = receive_message, .attributes = napi_enumerable},
      {.utf8name = "peer", .method = peer_of, .attributes = napi_enumerable},
      {.utf8name = "close", .method = close_channel, .attributes = napi_enumerable},
  };
  if (napi_define_properties(env, self, sizeof methods / sizeof *methods, methods) != napi_ok ||
      napi_get_uv_event_loop(env, &uv) != napi_ok || uv_poll_init(uv, &channel->poll, channel->fd) != 0) {
    return false;
  }
  channel->poll.data = channel;
  channel->polled = true;
  if (napi_create_string_utf8(env, "bal", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, self, name, &channel->context) != napi_ok ||
      napi_create_reference(env, wake, 1, &channel->wake) != napi_ok ||
      napi_create_reference(env, self, 1, &channel->self) != napi_ok ||
      napi_add_async_cleanup_hook(env, at_the_end, channel, &channel->cleanup) != napi_ok) {
    napi_fatal_error("channel.c", NAPI_AUTO_LENGTH, "no memory for a channel", NAPI_AUTO_LENGTH);
  }
  uv_unref((uv_handle_t *)&channel->poll);
  return uv_poll_start(&channel->poll, UV_READABLE, something_came) == 0;
}

/** Owns `fd` from now on; null after throwing. */
static napi_value make(napi_env env, int fd, napi_value wake) {
  napi_value self;
  struct channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL || napi_create_object(env, &self) != napi_ok ||
      napi_type_tag_object(env, self, &CHANNEL_TAG) != napi_ok ||
      napi_wrap(env, self, channel, collected, NULL, NULL) != napi_ok) {
    free(channel);
    close(fd);
    return throw_errno(env, ENOMEM, "open a channel"), NULL;
  }
  channel->wrapped = true;
  channel->env = env;
  channel->fd = fd;
  if (begin(channel, self, wake)) return self;
  if (channel->polled) channel_close(channel);
  else close(fd);
  channel->fd = -1;
  return throw_errno(env, ENOMEM, "open a channel"), NULL;
}

static bool function(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot open a channel: the callback is not a function");
  return false;
}

static napi_value accept_channel(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct channel *channel = enter_channel(env, info, 1, argv);
  if (channel == NULL || !function(env, argv[0])) return NULL;
  int fd = channel_accept(channel->fd);
  bool is_short = fd < 0 && fd != -EAGAIN && fd != -EPERM && fd != -ECONNABORTED && fd != -EINTR;
  // It may have been stopped below.
  if (!is_short) uv_poll_start(&channel->poll, UV_READABLE, something_came);
  if (fd >= 0) return make(env, fd, argv[0]);
  if (!is_short) return undefined(env);
  // No descriptor is left for whoever waits: being woken for it again and again would not help.
  uv_poll_stop(&channel->poll);
  napi_value later;
  return napi_get_null(env, &later) == napi_ok ? later : NULL;
}

napi_value open_channel(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  size_t given = 3, length;
  int64_t listens;
  char path[PATH_AT_MOST];
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = given; i < 3; i++) argv[i] = undefined(env);
  if (napi_get_value_string_utf8(env, argv[0], path, sizeof path, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot open a channel: the path is not a string");
    return NULL;
  }
  if (!integer(env, argv[1], 0, 1, "listens", &listens) || !function(env, argv[2])) return NULL;
  int fd = listens ? channel_listen(path) : channel_connect(path);
  if (fd < 0) return throw_errno(env, -fd, "open a channel"), NULL;
  return make(env, fd, argv[2]);
}

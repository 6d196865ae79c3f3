// The JavaScript interface of channel.h: objects that are woken when there is a peer to accept or a message to receive.
// The content of messages is up to JavaScript.
//
//   openChannel(path, listens, wake) → channel    wake() is called as long as the socket is readable
//   channel.accept(wake) → channel; undefined: no peer, or not one of ours; null: out of descriptors, try again later
//   channel.send(bytes, descriptors) → see enum sent; the caller still owns the descriptors
//   channel.receive(bytes, descriptors) → a length, 0: nothing there, −1: channel over, −2: a message was torn
//   channel.peer() → the peer's pid, 0: unknown
//   channel.close()                               no other method may be called afterwards
#include "channel.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>

enum { PATH_AT_MOST = 4096 };
static const struct watch_kind CHANNEL;

static napi_value make(napi_env env, int fd, napi_value wake) {
  return watch_make(env, calloc(1, sizeof(struct watch)), &CHANNEL, fd, wake);
}

static napi_value accept_channel(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct watch *channel = watch_enter(env, info, &CHANNEL, 1, argv);
  if (channel == NULL || !watch_callback(env, argv[0], &CHANNEL)) return NULL;
  int fd = channel_accept(channel->fd);
  bool is_short = fd < 0 && fd != -EAGAIN && fd != -EPERM && fd != -ECONNABORTED && fd != -EINTR;
  // The watch may have been paused below.
  if (!is_short) watch_resume(channel);
  if (fd >= 0) return make(env, fd, argv[0]);
  if (!is_short) return undefined(env);
  // There is no descriptor for the waiting peer. Being woken for it again and again would not help.
  watch_pause(channel);
  napi_value later;
  return napi_get_null(env, &later) == napi_ok ? later : NULL;
}

static napi_value send_message(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct watch *channel = watch_enter(env, info, &CHANNEL, 2, argv);
  void *bytes;
  int32_t *fds;
  size_t length, count;
  if (channel == NULL || !octets(env, argv[0], "bytes", &bytes, &length) ||
      !integers(env, argv[1], 0, "descriptors", &fds, &count)) {
    return NULL;
  }
  // An empty message would look like EOF.
  if (length == 0 || count > CHANNEL_FDS) return throw_errno(env, EINVAL, "send a message"), NULL;
  return number(env, channel_send(channel->fd, bytes, length, fds, count));
}

static napi_value receive_message(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct watch *channel = watch_enter(env, info, &CHANNEL, 2, argv);
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
  struct watch *channel = watch_enter(env, info, &CHANNEL, 0, NULL);
  return channel == NULL ? NULL : number(env, channel_peer(channel->fd));
}

static napi_value close_channel(napi_env env, napi_callback_info info) {
  struct watch *channel = watch_enter(env, info, &CHANNEL, 0, NULL);
  if (channel != NULL) watch_close(channel);
  return undefined(env);
}

static const napi_property_descriptor METHODS[] = {
    {.utf8name = "accept", .method = accept_channel, .attributes = napi_enumerable},
    {.utf8name = "send", .method = send_message, .attributes = napi_enumerable},
    {.utf8name = "receive", .method = receive_message, .attributes = napi_enumerable},
    {.utf8name = "peer", .method = peer_of, .attributes = napi_enumerable},
    {.utf8name = "close", .method = close_channel, .attributes = napi_enumerable},
};

static const napi_type_tag CHANNEL_TAG = {0x62616c2d6368616e, 0x6e656c2d756e6978};
static const struct watch_kind CHANNEL = {&CHANNEL_TAG, "a channel", METHODS, sizeof METHODS / sizeof *METHODS};

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
  if (!integer(env, argv[1], 0, 1, "listens", &listens) || !watch_callback(env, argv[2], &CHANNEL)) return NULL;
  int fd = listens ? channel_listen(path) : channel_connect(path);
  if (fd < 0) return throw_errno(env, -fd, "open a channel"), NULL;
  return make(env, fd, argv[2]);
}

// Sends one datagram to the service manager (systemd's sd_notify(3)). Node has no Unix datagram sockets.
#include "addon.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TEXT_AT_MOST = 4096 };

/** Returns 0 or an errno. `path` begins with /, or with @ for the abstract namespace. Never blocks. */
static int send_datagram(const char *path, size_t length, const char *text, size_t bytes) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return EINVAL;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  ssize_t sent = sendto(fd, text, bytes, MSG_NOSIGNAL, (struct sockaddr *)&address, size);
  int error = sent < 0 ? errno : 0;
  close(fd);
  return error;
}

napi_value notify(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t given = 2, length, bytes;
  char path[sizeof ((struct sockaddr_un *)NULL)->sun_path + 1], text[TEXT_AT_MOST];
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = given; i < 2; i++) argv[i] = undefined(env);
  if (napi_get_value_string_utf8(env, argv[0], path, sizeof path, &length) != napi_ok ||
      napi_get_value_string_utf8(env, argv[1], text, sizeof text, &bytes) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot notify: path and text have to be strings");
    return NULL;
  }
  int error = send_datagram(path, length, text, bytes);
  if (error != 0) return throw_errno(env, error, "notify"), NULL;
  return undefined(env);
}

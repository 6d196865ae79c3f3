// Duties of PID 1 in a container that the kernel leaves to it and Node does not do.
#include "addon.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

napi_value reap(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  size_t given = 1;
  int64_t pid;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  // waitpid(2) takes values below 1 as a process group or as any child.
  if (!integer(env, argv[0], 1, INT32_MAX, "pid", &pid)) return NULL;
  pid_t done;
  do {
    done = waitpid((pid_t)pid, NULL, WNOHANG);
  } while (done == -1 && errno == EINTR);
  return napi_get_boolean(env, done == pid, &result) == napi_ok ? result : NULL;
}

napi_value leave(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t given = 1;
  int64_t code;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  if (given < 1) argv[0] = undefined(env);
  if (!integer(env, argv[0], 0, 255, "code", &code)) return NULL;
  _exit((int)code);
}

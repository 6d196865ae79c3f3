// Memory shared between processes, as an ArrayBuffer. JavaScript defines its layout.
#include "addon.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void unmap(napi_env env, void *memory, void *hint) {
  (void)env;
  munmap(memory, (size_t)(uintptr_t)hint);
}

napi_value map_shared(napi_env env, napi_callback_info info) {
  napi_value argv[3], buffer;
  size_t given = 3;
  int64_t fd, offset, bytes;
  struct stat file;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) return NULL;
  for (size_t i = given; i < 3; i++) argv[i] = undefined(env);
  if (!integer(env, argv[0], 0, INT32_MAX, "fd", &fd) || !integer(env, argv[1], 0, INT32_MAX, "offset", &offset) ||
      !integer(env, argv[2], 1, INT32_MAX, "bytes", &bytes)) {
    return NULL;
  }
  if (fstat((int)fd, &file) != 0) return throw_errno(env, errno, "share memory"), NULL;
  // Accessing mapped memory beyond the end of a file raises SIGBUS.
  if (!S_ISREG(file.st_mode) || file.st_size < offset + bytes) return throw_errno(env, EINVAL, "share memory"), NULL;
  void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, offset);
  if (memory == MAP_FAILED) return throw_errno(env, errno, "share memory"), NULL;
  if (napi_create_external_arraybuffer(env, memory, (size_t)bytes, unmap, (void *)(uintptr_t)bytes, &buffer) == napi_ok)
    return buffer;
  munmap(memory, (size_t)bytes);
  return throw_errno(env, ENOMEM, "share memory"), NULL;
}

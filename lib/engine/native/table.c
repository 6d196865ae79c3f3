// Room for descriptors. The kernel doubles a process's descriptor table each time it is full (at 64, 128, 256 …). If
// the process has threads, it then waits until no CPU can still see the old table: 5 to 30 ms in which nobody is
// accepted and a connection being taken over stands still. So a thread of its own enlarges the table early and waits in
// place of the worker's thread.
#include "addon.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/** ROOM in descriptors: 128 KiB of kernel memory. */
enum { ROOM = 16384, STACK_BYTES = 64 * 1024 };

static void *make_table(void *nothing) {
  struct rlimit limit;
  int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return nothing;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    int last = fcntl(fd, F_DUPFD_CLOEXEC, limit.rlim_cur < ROOM ? (int)limit.rlim_cur - 1 : ROOM - 1);
    if (last >= 0) close(last); // the table keeps its size
  }
  close(fd);
  return nothing;
}

napi_value make_room(napi_env env, napi_callback_info info) {
  (void)info;
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  if (pthread_attr_init(&attributes) != 0) return undefined(env);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  // Existing threads handle signals, not this one.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // If this fails, the table grows step by step as usual.
  (void)pthread_create(&thread, &attributes, make_table, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return undefined(env);
}

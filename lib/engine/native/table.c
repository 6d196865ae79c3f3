// Room for descriptors. The kernel doubles a process's table of them each time it is full, and where the process has
// threads it waits then until no processor can still look at the old one: 5 to 30 ms, at 64, 128, 256 descriptors and
// so on, in which nobody is accepted, and a connection that is being taken over stands still. So it is made large at
// once, by a thread of its own, which waits in place of the worker's.
#include "addon.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/** Descriptors: 128 KiB of the kernel's memory. */
enum { ROOM = 16384, STACK_BYTES = 64 * 1024 };

static void *make_table(void *nothing) {
  struct rlimit limit;
  int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return nothing;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    int last = fcntl(fd, F_DUPFD_CLOEXEC, limit.rlim_cur < ROOM ? (int)limit.rlim_cur - 1 : ROOM - 1);
    if (last >= 0) close(last); // the table stays as it is
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
  // Signals are for the threads that there are.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Without it, it grows as it ever did.
  (void)pthread_create(&thread, &attributes, make_table, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return undefined(env);
}

// Reserve descriptors. A waiting worker is woken alone for a client, so it must be able to take it. When descriptors
// run out it releases one of these to accept and one for the backend, and it stops listening when fewer than two are
// left.
#include "bal.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { FOR_ONE_CLIENT = 2 };

bool reserve_fill(struct loop *loop) {
  struct reserve *reserve = &loop->reserve;
  while (reserve->count < RESERVE && (reserve->fds[reserve->count] = eventfd(0, EFD_CLOEXEC)) >= 0) reserve->count++;
  return reserve->count == RESERVE;
}

bool reserve_serves_one(const struct loop *loop) { return loop->reserve.count >= FOR_ONE_CLIENT; }

int reserve_serves(const struct loop *loop) {
  // Each client needs one for its backend, and accepting may take one.
  return loop->reserve.count > FOR_ONE_CLIENT ? loop->reserve.count - 1 : 1;
}

bool reserve_use(struct loop *loop) {
  struct reserve *reserve = &loop->reserve;
  if (reserve->count == 0) return false;
  close(reserve->fds[--reserve->count]);
  if (reserve_serves_one(loop)) accept_resume_later(loop);
  else accept_pause(loop);
  return true;
}

void reserve_close(struct loop *loop) {
  while (loop->reserve.count > 0) close(loop->reserve.fds[--loop->reserve.count]);
}

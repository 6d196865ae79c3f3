// Listening sockets. Several workers wait on the same one, with EPOLLEXCLUSIVE so that a client wakes one of them; the
// socket is level-triggered, so what is left comes up again. Each takes few clients at a time, and none that another
// worker with fewer clients can take.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  ACCEPTS_IN_FRONT = 16,
  PAUSE_MS = 100,
  // A worker that waits is woken alone for a client, so it has to be able to take it: it waits with no less in reserve.
  FOR_ONE_CLIENT = 2,
  // A sixteenth more clients than the worker that has fewest are still even, and so many more in a rush.
  EVEN_PART = 16,
  EVEN = 2,
  // Of a number that nears the first with each connection that ends, and 0 with each that begins: half of it when as many end
  // as begin.
  CHURN_MOST = 64,
  CHURN_STEP = 16,
  FEW_END = CHURN_MOST / 8,
  // Clients are left to another worker for so long; if it does not come for them so often in a row, because it is busy or
  // stopped, none are left to any for the longer time.
  LEAVE_MS = 3,
  TIMES_IN_VAIN = 8,
  ALONE_MS = 400,
};

static int arm(struct loop *loop, struct listener *listener) {
  int error = system_add_listener(loop, listener);
  if (error != 0) return error;
  listener->armed = true;
  loop->armed++;
  return 0;
}

static void disarm(struct loop *loop, struct listener *listener) {
  // Not left to close(2): the primary and the other workers hold the same socket, so it would stay in the set.
  if (!listener->armed) return;
  epoll_ctl(loop->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
  listener->armed = false;
  loop->armed--;
}

/** Those that do not listen for now do again; what cannot is tried again in a while. */
static void arm_all(struct loop *loop) {
  for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) {
    if (listener->fd >= 0 && !listener->armed && arm(loop, listener) != 0) loop->resume_at = loop->now + PAUSE_MS;
  }
}

int listener_start(struct listener *listener, int fd, int backlog) {
  struct loop *loop = listener->engine->loop;
  int on = 1;
  // Accepted sockets inherit this and the next: one call for all.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  rest_keep_alive(fd, listener->keepalive_ms);
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || listen(fd, backlog) != 0) return errno;
  listener->fd = fd;
  int error = arm(loop, listener);
  if (error != 0) {
    listener->fd = -1;
    return error;
  }
  listener->talks_first = 1;
  listener->burst = 1;
  listener->next = loop->listeners;
  loop->listeners = listener;
  loop_adjust(loop);
  return 0;
}

void listener_stop(struct listener *listener) {
  if (listener->fd < 0) return;
  disarm(listener->engine->loop, listener);
  close(listener->fd);
  listener->fd = -1;
  listener->due = false;
  struct loop *loop = listener->engine->loop;
  struct listener *other = loop->listeners;
  while (other != NULL && other->fd < 0) other = other->next;
  if (other == NULL) loop->back_at = 0;
  scoreboard_tell(loop);
  // A client for whom this worker alone was woken, or whom it left to one that stops too, would wait until the next one comes.
  uint32_t lightest;
  if (scoreboard_fewest(loop, &lightest) != UINT32_MAX) scoreboard_call(loop, lightest);
}

void listeners_sweep(struct loop *loop) {
  for (struct listener **at = &loop->listeners; *at != NULL;) {
    struct listener *listener = *at;
    if (listener->fd >= 0 || listener->live > 0) {
      at = &listener->next;
      continue;
    }
    *at = listener->next;
    free(listener);
  }
}

void accept_pause(struct loop *loop) {
  for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) {
    if (listener->fd >= 0) disarm(loop, listener);
    listener->due = false;
  }
  loop->resume_at = loop->now + PAUSE_MS;
  loop->back_at = 0;
}

void accept_resume(struct loop *loop) {
  reserve_fill(loop);
  loop->resume_at = loop->reserved < RESERVE ? loop->now + PAUSE_MS : 0;
  if (loop->reserved >= FOR_ONE_CLIENT) arm_all(loop);
}

void reserve_fill(struct loop *loop) {
  while (loop->reserved < RESERVE && (loop->reserve[loop->reserved] = eventfd(0, EFD_CLOEXEC)) >= 0) loop->reserved++;
}

bool reserve_use(struct loop *loop) {
  if (loop->reserved == 0) return false;
  close(loop->reserve[--loop->reserved]);
  if (loop->reserved < FOR_ONE_CLIENT) accept_pause(loop);
  else if (loop->resume_at == 0) loop->resume_at = loop->now + PAUSE_MS;
  return true;
}

void reserve_close(struct loop *loop) {
  while (loop->reserved > 0) close(loop->reserve[--loop->reserved]);
}

void accept_begins(struct loop *loop) { loop->churn -= (uint8_t)((loop->churn + CHURN_STEP - 1) / CHURN_STEP); }

void accept_ends(struct loop *loop) { loop->churn += (uint8_t)((CHURN_MOST - loop->churn + CHURN_STEP - 1) / CHURN_STEP); }

/**
 * So many clients may this worker take until it is another's turn, that of `lightest`. While connections end as fast as they
 * begin nothing stays uneven, and to wake another worker costs more than it brings.
 */
static int64_t room(const struct loop *loop, uint32_t *lightest) {
  uint32_t fewest = loop->churn < FEW_END ? scoreboard_fewest(loop, lightest) : UINT32_MAX;
  if (fewest == UINT32_MAX || loop->now < loop->alone_until) return INT32_MAX;
  return (int64_t)fewest + fewest / EVEN_PART + EVEN - loop->live;
}

/**
 * Leaves the clients that wait to that worker, and wakes it; false when it cannot be told. They stay in the socket's queue,
 * where this one takes them if the other does not.
 */
static bool leave_to(struct loop *loop, struct listener *listener, uint32_t lightest) {
  if (!scoreboard_call(loop, lightest)) return false;
  disarm(loop, listener);
  if (loop->back_at == 0) loop->back_at = loop->now + LEAVE_MS;
  return true;
}

void accept_come_back(struct loop *loop) {
  uint32_t lightest;
  loop->late = loop->now >= loop->back_at;
  if (!loop->late && room(loop, &lightest) < EVEN / 2) return;
  if (!loop->late) loop->in_vain = 0;
  loop->back_at = 0;
  if (loop->reserved >= FOR_ONE_CLIENT) arm_all(loop);
}

/**
 * Whether others should be woken first from now on. In a rush everybody is awake, and after a number of clients is soon
 * enough; clients that come one by one and stay, as those of a connection pool do, are dealt out one by one.
 */
static bool had_its_share(const struct loop *loop, const struct listener *listener) {
  if (listener->accepted >= ACCEPTS_IN_FRONT) return true;
  uint32_t lightest, fewest = scoreboard_fewest(loop, &lightest);
  return listener->burst == 1 && fewest != UINT32_MAX && loop->live > fewest + fewest / EVEN_PART;
}

/** To the end of the queue of waiters: the kernel wakes the first that sleeps, so else one worker would get nearly all. */
static void step_back(struct loop *loop, struct listener *listener) {
  listener->accepted = 0;
  if (!loop->can_exclusive || !listener->armed) return;
  disarm(loop, listener);
  if (arm(loop, listener) != 0) loop->resume_at = loop->now + PAUSE_MS;
}

/**
 * How many clients to take now. One, as long as they come one by one; more when the listening socket is due round after
 * round, because then a round and a call into JavaScript serve several.
 */
static int burst(struct loop *loop, struct listener *listener) {
  bool again = listener->called || loop->round - listener->last_round == 1;
  listener->last_round = loop->round;
  listener->burst = again ? (uint8_t)(listener->burst < CLIENTS ? 2 * listener->burst : CLIENTS) : 1;
  // Each must get its backend, from the reserve if need be, of which accepting may take one.
  int most = loop->reserved > FOR_ONE_CLIENT ? loop->reserved - 1 : 1;
  return listener->burst < most ? listener->burst : most;
}

static void accept_clients(struct loop *loop, struct listener *listener) {
  struct engine *engine = listener->engine;
  struct connection *clients[CLIENTS];
  int count = 0;
  listener->due = false;
  int most = burst(loop, listener);
  bool called = listener->called;
  listener->called = false;
  uint32_t lightest;
  int64_t space = room(loop, &lightest);
  if (space < 1 && !loop->late && leave_to(loop, listener, lightest)) return;
  if (space < most) most = space < 1 ? 1 : (int)space;
  for (int left = most; left > 0; left--) {
    struct peer peer = {0};
    int fd = system_accept(loop, listener->fd, &peer);
    if (unlikely(fd < 0 && count == 0 && out_of_descriptors(errno) && loop->reserved >= FOR_ONE_CLIENT)) {
      shortage(engine, AT_ACCEPT, errno);
      reserve_use(loop);
      left = 1;
      fd = system_accept(loop, listener->fd, &peer);
    }
    if (fd >= 0) {
      struct connection *c = connection_accepted(loop, listener, fd, &peer);
      if (likely(c != NULL)) {
        engine->clients[2 * count] = (int32_t)c->index;
        engine->clients[2 * count + 1] = listener->id;
        clients[count++] = c;
      }
      continue;
    }
    if (errno == EAGAIN) break; // another worker was faster
    if (out_of_descriptors(errno) || errno == ENOBUFS || errno == ENOMEM || errno == EINVAL) {
      // The socket would be reported again and again: leave it alone until a connection ends, or a moment.
      shortage(engine, AT_ACCEPT, errno);
      accept_pause(loop);
      break;
    }
    // What is left concerns that client only: it is gone, or the network or a firewall refused it.
  }
  if (count == 0) return;
  if (loop->late && ++loop->in_vain == TIMES_IN_VAIN) {
    loop->in_vain = 0;
    loop->alone_until = loop->now + ALONE_MS;
  }
  scoreboard_tell(loop);
  js_accepted(engine, count);
  for (int i = 0; i < count; i++) connection_decided(loop, clients[i], engine->clients[2 * i]);
  listener->accepted += (uint32_t)count;
  // Of what it was called for the kernel may not have told it: to be registered anew is to be told of what is left.
  if (had_its_share(loop, listener) || (called && count == most)) step_back(loop, listener);
}

void accept_called(struct loop *loop) {
  for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) {
    listener->due = listener->called = listener->armed;
  }
}

void accept_round(struct loop *loop) {
  bool due = false;
  for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) {
    due |= listener->due;
    if (listener->due) accept_clients(loop, listener);
  }
  if (loop->late && !due) loop->in_vain = 0; // nothing had been left
  loop->late = false;
}

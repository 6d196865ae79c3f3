// Listening sockets. Several workers wait on the same socket with EPOLLEXCLUSIVE, so that a client wakes one of them.
// The socket is level-triggered, so clients left in its queue are reported again. A worker accepts few clients at a
// time, and none that a worker with fewer clients can take.
#include "bal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int listener_arm(struct loop *loop, struct listener *listener) {
  int error = system_add_listener(loop, listener);
  if (error != 0) return error;
  listener->armed = true;
  loop->accepting.armed++;
  return 0;
}

void listener_disarm(struct loop *loop, struct listener *listener) {
  // close(2) alone would leave it in the epoll set, because the primary and the other workers hold the same socket.
  if (!listener->armed) return;
  epoll_ctl(loop->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
  listener->armed = false;
  loop->accepting.armed--;
}

void accept_arm_all(struct loop *loop) {
  for (struct listener *listener = loop->accepting.listeners; listener != NULL; listener = listener->next) {
    if (listener->fd < 0 || listener->armed || listener_arm(loop, listener) == 0) continue;
    loop->accepting.resume_at = loop->now + PAUSE_MS;
  }
}

int listener_start(struct listener *listener, int fd, int backlog) {
  struct loop *loop = listener->engine->loop;
  int on = 1;
  // Set on the listener because accepted sockets inherit it, as they do the keepalive options.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  rest_keep_alive(fd, listener->keepalive_ms);
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || listen(fd, backlog) != 0) return errno;
  listener->fd = fd;
  int error = listener_arm(loop, listener);
  if (error != 0) {
    listener->fd = -1;
    return error;
  }
  system_bound(fd, &listener->local);
  listener->talks_first = 1;
  listener->burst = 1;
  listener->next = loop->accepting.listeners;
  loop->accepting.listeners = listener;
  loop->needed++;
  loop_adjust(loop);
  return 0;
}

void accept_local(const struct connection *c, struct peer *local) {
  if (c->listener->local.family != 0) *local = c->listener->local;
  else system_local(c->fd[CLIENT], local);
}

struct listener *listener_of(struct engine *engine, int32_t id) {
  struct loop *loop = engine->loop;
  struct listener *listener = loop->accepting.listeners;
  while (listener != NULL && (listener->engine != engine || listener->id != id)) listener = listener->next;
  if (listener != NULL || (listener = calloc(1, sizeof *listener)) == NULL) return listener;
  listener->engine = engine;
  listener->id = id;
  listener->fd = -1;
  listener->next = loop->accepting.listeners;
  loop->accepting.listeners = listener;
  return listener;
}

void listener_stop(struct listener *listener) {
  if (listener->fd < 0) return;
  struct loop *loop = listener->engine->loop;
  listener_disarm(loop, listener);
  close(listener->fd);
  listener->fd = -1;
  listener->due = false;
  loop->needed--;
  const struct listener *other = loop->accepting.listeners;
  while (other != NULL && other->fd < 0) other = other->next;
  if (other == NULL) fairness_forget(loop);
  fairness_hand_over(loop);
}

void listeners_sweep(struct loop *loop) {
  for (struct listener **at = &loop->accepting.listeners; *at != NULL;) {
    struct listener *listener = *at;
    if (listener->fd >= 0 || listener->live > 0) {
      at = &listener->next;
      continue;
    }
    *at = listener->next;
    free(listener);
  }
}

void accept_close(struct loop *loop) {
  for (struct listener *listener = loop->accepting.listeners; listener != NULL; listener = listener->next) {
    listener_stop(listener);
  }
  listeners_sweep(loop);
}

void accept_pause(struct loop *loop) {
  for (struct listener *listener = loop->accepting.listeners; listener != NULL; listener = listener->next) {
    if (listener->fd >= 0) listener_disarm(loop, listener);
    listener->due = false;
  }
  loop->accepting.resume_at = loop->now + PAUSE_MS;
  fairness_forget(loop);
}

void accept_resume_later(struct loop *loop) {
  if (loop->accepting.resume_at == 0) loop->accepting.resume_at = loop->now + PAUSE_MS;
}

void accept_hurry(struct loop *loop) {
  if (loop->accepting.resume_at != 0) loop->accepting.resume_at = loop->now;
}

void accept_resume(struct loop *loop) {
  struct accepting *accepting = &loop->accepting;
  if (accepting->resume_at == 0 || loop->now < accepting->resume_at) return;
  accepting->resume_at = reserve_fill(loop) ? 0 : loop->now + PAUSE_MS;
  if (reserve_serves_one(loop)) accept_arm_all(loop);
}

uint64_t accept_due(const struct loop *loop) {
  return loop->accepting.resume_at == 0 ? NEVER : loop->accepting.resume_at;
}

/**
 * How many clients to accept now: one while they come one by one; more when the listening socket is due round after
 * round, because one round and one call into JavaScript then serve several.
 */
static int burst(struct loop *loop, struct listener *listener) {
  bool again = listener->called || loop->round - listener->last_round == 1;
  listener->last_round = loop->round;
  listener->burst = again ? (uint8_t)(listener->burst < CLIENTS ? 2 * listener->burst : CLIENTS) : 1;
  int most = reserve_serves(loop);
  return listener->burst < most ? listener->burst : most;
}

static void accept_clients(struct loop *loop, struct listener *listener) {
  struct engine *engine = listener->engine;
  struct connection *clients[CLIENTS];
  int count = 0, known = 0, most = burst(loop, listener);
  bool called = listener->called;
  listener->due = listener->called = false;
  most = fairness_allows(loop, listener, most);
  for (int left = most; left > 0; left--) {
    struct peer peer = {0};
    int fd = system_accept(loop, listener->fd, &peer);
    if (unlikely(fd < 0 && count == 0 && out_of_descriptors(errno) && reserve_serves_one(loop))) {
      exhausted(engine, AT_ACCEPT, errno);
      reserve_use(loop);
      left = 1;
      fd = system_accept(loop, listener->fd, &peer);
    }
    if (fd >= 0) {
      struct connection *c = connection_accepted(loop, listener, fd, &peer);
      if (likely(c != NULL)) {
        engine->clients[2 * count] = (int32_t)c->index;
        engine->clients[2 * count + 1] = listener->id;
        known |= peer_bytes(&peer, engine->ips + count * PEER_BYTES) << count;
        clients[count++] = c;
      }
      continue;
    }
    if (errno == EAGAIN) break; // another worker was faster
    // The reserve is for the backends of those accepted here, and then for one client a turn. Its turn comes at once.
    if (count > 0 && out_of_descriptors(errno)) break;
    if (out_of_descriptors(errno) || errno == ENOBUFS || errno == ENOMEM || errno == EINVAL) {
      // The socket would be reported again and again. Leave it alone until a connection ends or PAUSE_MS have passed.
      exhausted(engine, AT_ACCEPT, errno);
      accept_pause(loop);
      break;
    }
    // Any other error concerns this client only: it is gone, or the network or a firewall refused it.
  }
  if (count == 0) return;
  scoreboard_publish(loop);
  js_accepted(engine, count, known);
  for (int i = 0; i < count; i++) connection_decided(loop, clients[i], engine->clients[2 * i]);
  fairness_took(loop, listener, count, called && count == most);
}

void accept_event(struct loop *loop, const struct epoll_event *event) {
  (void)loop;
  ((struct listener *)(uintptr_t)(event->data.u64 & ~(uint64_t)FOR_MASK))->due = true;
}

void accept_round(struct loop *loop) {
  bool due = false;
  for (struct listener *listener = loop->accepting.listeners; listener != NULL; listener = listener->next) {
    due |= listener->due;
    if (listener->due) accept_clients(loop, listener);
  }
  fairness_round_ends(loop, due);
}

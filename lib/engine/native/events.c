// Events of a connection's sides. Each side is registered once, edge-triggered, under its connection's id and a
// generation. The generation identifies stale events: those that the kernel had ready for a descriptor closed since.
#include "bal.h"

#include <errno.h>

static int control(struct loop *loop, struct connection *c, int side, int operation, uint32_t events) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET | events};
  event.data.u64 = (uint64_t)c->generation[side] << 32 | (uint64_t)c->index << 2 | (uint64_t)side;
  if (events & EPOLLOUT) c->side[side] |= WATCHES_OUT;
  return epoll_ctl(loop->epoll, operation, c->fd[side], &event) == 0 ? 0 : errno;
}

int watch(struct loop *loop, struct connection *c, int side, uint32_t events) {
  if (++loop->generation == 0) loop->generation = 1;
  c->generation[side] = loop->generation;
  return control(loop, c, side, EPOLL_CTL_ADD, events);
}

void unwatch(struct loop *loop, struct connection *c, int side) {
  epoll_ctl(loop->epoll, EPOLL_CTL_DEL, c->fd[side], NULL);
  c->generation[side] = 0;
}

int watch_out(struct loop *loop, struct connection *c, int side) {
  return control(loop, c, side, EPOLL_CTL_MOD, EPOLLOUT);
}

/** The connection an event is for. Null if the event's descriptor is gone. */
static struct connection *whose(struct loop *loop, const struct epoll_event *event) {
  struct connection *c = slot_find(loop, (uint32_t)event->data.u64 >> 2);
  return c != NULL && c->generation[event->data.u64 & FOR_MASK] == event->data.u64 >> 32 ? c : NULL;
}

void events_side(struct loop *loop, const struct epoll_event *event) {
  struct connection *c = whose(loop, event);
  if (c != NULL && unlikely(c->aside || (loop->batch.gathers && !ring_has_room(loop)))) {
    ring_send(loop); // keeps its bytes in order
    c = whose(loop, event);
  }
  if (likely(c != NULL)) connection_event(loop, c, (int)(event->data.u64 & FOR_MASK), event->events);
}

void events_close(struct loop *loop) {
  for (uint32_t i = 0; i < slot_limit(loop); i++) {
    struct connection *c = slot_find(loop, i);
    if (c != NULL) connection_leave(loop, c, END_CUT);
  }
}

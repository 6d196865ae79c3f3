// The ready list. It is linked through the connections, so each is in it at most once and can leave from anywhere.
#include "bal.h"

void ready_init(struct loop *loop) { loop->ready.first = loop->ready.last = NONE; }

void ready_add(struct loop *loop, struct connection *c) {
  struct ready *ready = &loop->ready;
  if (c->queued) return;
  c->queued = true;
  c->ready.next = NONE;
  c->ready.previous = ready->last;
  if (ready->last != NONE) slot_at(loop, ready->last)->ready.next = c->index;
  else ready->first = c->index;
  ready->last = c->index;
  ready->count++;
}

void ready_remove(struct loop *loop, struct connection *c) {
  struct ready *ready = &loop->ready;
  if (!c->queued) return;
  c->queued = false;
  if (c->ready.previous != NONE) slot_at(loop, c->ready.previous)->ready.next = c->ready.next;
  else ready->first = c->ready.next;
  if (c->ready.next != NONE) slot_at(loop, c->ready.next)->ready.previous = c->ready.previous;
  else ready->last = c->ready.previous;
  ready->count--;
}

void ready_turn(struct loop *loop) {
  // Connections added during this run in the next round.
  for (uint32_t turns = loop->ready.count; turns > 0 && loop->ready.first != NONE; turns--) {
    struct connection *c = slot_at(loop, loop->ready.first);
    ready_remove(loop, c);
    connection_ready(loop, c);
  }
}

uint64_t ready_due(const struct loop *loop) { return loop->ready.count > 0 ? 0 : NEVER; }

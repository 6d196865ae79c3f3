// Connect and idle timeouts: one wheel of 512 buckets of 64 ms instead of a timer per connection. A byte only writes
// the time into its connection. When its bucket comes up, the connection is checked, and moved further on if it is not
// due yet. Delays beyond the wheel's 32 s come up a few times on the way.
#include "bal.h"

void wheel_skip(struct loop *loop) { loop->wheel.tick = loop->now / BUCKET_MS; }

void wheel_init(struct loop *loop) {
  for (unsigned i = 0; i < BUCKETS; i++) loop->wheel.bucket[i] = NONE;
  wheel_skip(loop);
}

void wheel_add(struct loop *loop, struct connection *c, uint32_t since, uint32_t delay) {
  uint64_t due = loop->now + (int64_t)(int32_t)(since - (uint32_t)loop->now) + delay + CLOCK_MS;
  uint64_t tick = (due + BUCKET_MS - 1) / BUCKET_MS;
  if (delay >= 5000) tick = (tick + 7) & ~7ull; // long delays share their wake-ups
  if (tick <= loop->wheel.tick) tick = loop->wheel.tick + 1;
  if (tick >= loop->wheel.tick + BUCKETS) tick = loop->wheel.tick + BUCKETS - 1;
  unsigned bucket = tick % BUCKETS;
  c->timer.previous = NONE;
  c->timer.next = loop->wheel.bucket[bucket];
  if (c->timer.next != NONE) slot_at(loop, c->timer.next)->timer.previous = c->index;
  loop->wheel.bucket[bucket] = c->index;
  loop->wheel.occupied[bucket / 64] |= 1ull << bucket % 64;
  c->bucket = (uint16_t)bucket;
  c->timed = true;
}

void wheel_remove(struct loop *loop, struct connection *c) {
  if (!c->timed) return;
  c->timed = false;
  if (c->timer.next != NONE) slot_at(loop, c->timer.next)->timer.previous = c->timer.previous;
  if (c->timer.previous != NONE) {
    slot_at(loop, c->timer.previous)->timer.next = c->timer.next;
    return;
  }
  loop->wheel.bucket[c->bucket] = c->timer.next;
  if (c->timer.next == NONE) loop->wheel.occupied[c->bucket / 64] &= ~(1ull << c->bucket % 64);
}

void wheel_turn(struct loop *loop) {
  uint64_t now = loop->now / BUCKET_MS;
  if (now > loop->wheel.tick + BUCKETS) loop->wheel.tick = now - BUCKETS; // after a long stop one turn is enough
  while (loop->wheel.tick < now) {
    unsigned bucket = ++loop->wheel.tick % BUCKETS;
    if ((loop->wheel.occupied[bucket / 64] & 1ull << bucket % 64) == 0) continue;
    // Take the list first: connections that are not due go into another bucket or this one's next turn, so this ends.
    uint32_t at = loop->wheel.bucket[bucket];
    loop->wheel.bucket[bucket] = NONE;
    loop->wheel.occupied[bucket / 64] &= ~(1ull << bucket % 64);
    while (at != NONE) {
      struct connection *c = slot_at(loop, at);
      at = c->timer.next;
      if (at != NONE) slot_at(loop, at)->timer.previous = NONE;
      c->timed = false;
      deadline_due(loop, c);
    }
  }
}

uint64_t wheel_due(const struct loop *loop) {
  uint64_t first = loop->wheel.tick + 1;
  for (unsigned i = 0; i <= BUCKETS / 64; i++) {
    // The words from the next bucket's on. The first and the last are the same word, in part each.
    unsigned word = (first / 64 + i) % (BUCKETS / 64);
    uint64_t bits = loop->wheel.occupied[word];
    if (i == 0) bits &= ~0ull << first % 64;
    if (i == BUCKETS / 64) bits &= ~(~0ull << first % 64);
    if (bits == 0) continue;
    return ((first / 64 + i) * 64 + (unsigned)__builtin_ctzll(bits)) * BUCKET_MS;
  }
  return NEVER;
}

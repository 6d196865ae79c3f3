// Storage for connections: slabs of 512, mapped when needed, lowest ids first, so that memory follows the number of
// connections. An empty slab is unmapped, except for one, so that a number which moves around a multiple of 512 does
// not map and unmap all the time.
#include "bal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS_PER_SLAB = 512 };

struct slab {
  uint32_t live;
  uint32_t untouched; // slots from here on were never used, so their memory is untouched
  uint32_t free;      // list through ready.next
  struct connection slots[SLOTS_PER_SLAB];
};

void slots_init(struct loop *loop) { loop->slots.spare = NONE; }

static bool grow(struct loop *loop) {
  for (uint32_t i = 0; i < loop->slots.count; i++) {
    if (loop->slots.slabs[i] == NULL) {
      loop->slots.room = i;
      break;
    }
    if (i + 1 == loop->slots.count) loop->slots.room = loop->slots.count;
  }
  if (loop->slots.room == loop->slots.count) {
    if (loop->slots.count >= (1u << 20)) return false;
    struct slab **more = realloc(loop->slots.slabs, (loop->slots.count + 1) * sizeof *more);
    if (more == NULL) return false;
    loop->slots.slabs = more;
    loop->slots.slabs[loop->slots.count++] = NULL;
  }
  struct slab *slab = mmap(NULL, sizeof *slab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slab == MAP_FAILED) return false;
  slab->free = NONE;
  loop->slots.slabs[loop->slots.room] = slab;
  return true;
}

static bool has_room(const struct slab *slab) {
  return slab != NULL && (slab->free != NONE || slab->untouched < SLOTS_PER_SLAB);
}

struct connection *slot_take(struct loop *loop) {
  while (loop->slots.room < loop->slots.count && !has_room(loop->slots.slabs[loop->slots.room])) loop->slots.room++;
  if (loop->slots.room == loop->slots.count && !grow(loop)) return NULL;
  struct slab *slab = loop->slots.slabs[loop->slots.room];
  uint32_t at = slab->free;
  if (at != NONE) slab->free = slab->slots[at].ready.next;
  else at = slab->untouched++;
  slab->live++;
  if (loop->slots.spare == loop->slots.room) loop->slots.spare = NONE;
  struct connection *c = &slab->slots[at];
  memset(c, 0, sizeof *c);
  c->index = loop->slots.room * SLOTS_PER_SLAB + at;
  c->fd[CLIENT] = c->fd[BACKEND] = -1;
  return c;
}

void slot_free(struct loop *loop, uint32_t index) {
  uint32_t number = index / SLOTS_PER_SLAB;
  struct slab *slab = loop->slots.slabs[number];
  slab->slots[index % SLOTS_PER_SLAB].peer.family = 0;
  slab->slots[index % SLOTS_PER_SLAB].ready.next = slab->free;
  slab->free = index % SLOTS_PER_SLAB;
  slab->live--;
  if (number < loop->slots.room) loop->slots.room = number;
  if (slab->live > 0) return;
  if (loop->slots.spare == NONE || loop->slots.slabs[loop->slots.spare] == NULL) {
    loop->slots.spare = number;
    return;
  }
  // Two slabs are empty: unmap the one with the higher ids.
  uint32_t higher = number > loop->slots.spare ? number : loop->slots.spare;
  loop->slots.spare = number < loop->slots.spare ? number : loop->slots.spare;
  munmap(loop->slots.slabs[higher], sizeof *slab);
  loop->slots.slabs[higher] = NULL;
  while (loop->slots.count > 0 && loop->slots.slabs[loop->slots.count - 1] == NULL) loop->slots.count--;
  if (loop->slots.room > loop->slots.count) loop->slots.room = loop->slots.count;
}

struct connection *slot_at(struct loop *loop, uint32_t index) {
  return &loop->slots.slabs[index / SLOTS_PER_SLAB]->slots[index % SLOTS_PER_SLAB];
}

uint32_t slot_limit(const struct loop *loop) { return loop->slots.count * SLOTS_PER_SLAB; }

/** The slot in any state. NULL if its memory was never used or has been unmapped. */
static struct connection *slot_used(struct loop *loop, uint32_t index) {
  if (index >= slot_limit(loop)) return NULL;
  struct slab *slab = loop->slots.slabs[index / SLOTS_PER_SLAB];
  if (slab == NULL || index % SLOTS_PER_SLAB >= slab->untouched) return NULL;
  return &slab->slots[index % SLOTS_PER_SLAB];
}

struct connection *slot_find(struct loop *loop, uint32_t index) {
  struct connection *c = slot_used(loop, index);
  return c == NULL || c->state == FREE ? NULL : c;
}

const struct peer *slot_peer(struct loop *loop, uint32_t index) {
  const struct connection *c = slot_used(loop, index);
  return c == NULL || c->peer.family == 0 ? NULL : &c->peer;
}

void slots_close(struct loop *loop) {
  for (uint32_t i = 0; i < loop->slots.count; i++) {
    if (loop->slots.slabs[i] != NULL) munmap(loop->slots.slabs[i], sizeof **loop->slots.slabs);
  }
  free(loop->slots.slabs);
  loop->slots.slabs = NULL;
  loop->slots.count = loop->slots.room = 0;
}

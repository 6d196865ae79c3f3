// The memory of rounds.c: which seats are taken, and which have something to collect.
#include "rounds.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEATS_AT_FIRST = 64, SEATS_AT_MOST = 65536 };

static void set_free(struct rounds *rounds, uint32_t at) {
  struct seat *seat = &rounds->seats[at];
  if (seat->fd >= 0) close(seat->fd);
  *seat = (struct seat){.fd = -1, .state = SEAT_FREE, .next = rounds->free};
  rounds->free = at;
}

uint32_t seats_take(struct rounds *rounds) {
  if (rounds->free == NONE) {
    uint32_t room = rounds->room == 0 ? SEATS_AT_FIRST : 2 * rounds->room;
    struct seat *seats = room > SEATS_AT_MOST ? NULL : realloc(rounds->seats, room * sizeof *seats);
    if (seats == NULL) return NONE;
    rounds->seats = seats;
    for (; rounds->room < room; rounds->room++) {
      seats[rounds->room].fd = -1;
      set_free(rounds, rounds->room);
    }
  }
  uint32_t at = rounds->free;
  rounds->free = rounds->seats[at].next;
  return at;
}

void seats_changed(struct rounds *rounds, uint32_t at) {
  struct seat *seat = &rounds->seats[at];
  if (seat->is_changed) return;
  seat->is_changed = true;
  seat->next = rounds->changed;
  rounds->changed = at;
}

uint32_t seats_next_changed(struct rounds *rounds) {
  uint32_t at = rounds->changed;
  if (at == NONE) return NONE;
  rounds->changed = rounds->seats[at].next;
  rounds->seats[at].is_changed = false;
  return at;
}

void seats_end(struct rounds *rounds, uint32_t at) {
  if (at >= rounds->room || rounds->seats[at].state == SEAT_FREE) return;
  if (rounds->seats[at].is_changed) {
    uint32_t *link = &rounds->changed;
    while (*link != at) link = &rounds->seats[*link].next;
    *link = rounds->seats[at].next;
  }
  set_free(rounds, at);
}

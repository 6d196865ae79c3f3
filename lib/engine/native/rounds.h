// Seats of TCP checks that repeat as long as they pass, and their schedule.
#ifndef BAL_ROUNDS_H
#define BAL_ROUNDS_H

#include "goodbye.h"
#include "tcp-check.h"
#include "watch.h"

/** A time in ms that does not come. */
#define NEVER UINT64_MAX

enum seat_state { SEAT_FREE, SEAT_WAITING, SEAT_CONNECTING, SEAT_FAILED };

struct seat {
  enum seat_state state;
  int fd, error;
  uint32_t next;   // free or changed seat
  bool is_changed; // it is on the list of those to collect
  uint8_t quiet;   // checks left whose connection is closed at once
  uint32_t order;  // tells users of the seat apart
  int32_t passes, trusts; // not collected yet; a trust is a client's connect that has replaced a check
  uint32_t period, timeout;
  uint64_t due, until;    // ms; `due` is NEVER after the last check; `until`: of a connecting check
  uint64_t began, passed; // ns: when the last check began, and the last one that has passed
  uint64_t reached, trusted; // ns: when the last connect of a client began, and the last one that replaced a check
  socklen_t length;
  union address address;
};

struct rounds {
  struct watch watch; // watches the epoll set
  struct seat *seats;
  uint32_t room, free, changed; // the last two are heads of lists
  uint32_t orders;
  int timer;
  uint64_t alarm; // ms: when the timer expires
  uint64_t sweep; // ms: when the goodbyes are swept
  uint64_t random;
  struct goodbyes goodbyes;
};

/* rounds.c */
/** Adds the timer to the epoll set. Returns 0 or an errno; `timer` is open then. */
int rounds_open(struct rounds *rounds, int epoll);
/** Takes a seat for the address, to be checked first in `in` ms. Returns NONE when out of memory or full. */
uint32_t rounds_begin(struct rounds *rounds, const union address *address, socklen_t length, uint32_t in,
                      uint32_t period, uint32_t timeout);
/** A client's connect that began then (ns) has succeeded. */
void rounds_reached(struct rounds *rounds, uint32_t at, uint64_t began);
/** Does what has become due in the epoll set. Whether a check has failed. */
bool rounds_came(struct watch *watch);
/** Closes everything but the epoll set. */
void rounds_close(struct watch *watch);

/* seats.c */
/** Takes a free seat. Returns NONE when out of memory or full. */
uint32_t seats_take(struct rounds *rounds);
/** Puts the seat on the list of those to collect. */
void seats_changed(struct rounds *rounds, uint32_t at);
/** Frees the seat, if it is taken. */
void seats_end(struct rounds *rounds, uint32_t at);
/** Takes the next changed seat off the list, NONE if there is none. The caller frees it if its last check is over. */
uint32_t seats_next_changed(struct rounds *rounds);

#endif

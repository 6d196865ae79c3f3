// What the workers see of each other.
#ifndef BAL_SCOREBOARD_H
#define BAL_SCOREBOARD_H

#include "base.h"

struct row;

struct scoreboard {
  struct row *rows;    // null: the other workers are not seen
  uint32_t own, count; // this worker's row, and how many there are
  sigset_t asleep;     // the signals blocked while waiting
  bool called;         // another worker has called since JavaScript was told of it
};

/** Takes a row on the scoreboard in `fd`, which stays the caller's. Returns 0 or an errno. */
int scoreboard_open(struct loop *loop, int fd, uint32_t row, uint32_t rows);
/** Writes down what the others are to see. */
void scoreboard_publish(struct loop *loop);
/** The clients of whoever of the others accepts and has fewest, and its row; UINT32_MAX when nobody does. */
uint32_t scoreboard_fewest(const struct loop *loop, uint32_t *row);
/** There is such a row. */
bool scoreboard_has(const struct loop *loop, uint32_t row);
/** Tells that worker that clients are left to it, and wakes it if it sleeps; false when it cannot be told. */
bool scoreboard_call(const struct loop *loop, uint32_t row);
/** As loop_wait(), and ends when another worker calls; `called`: that has happened since the last time. */
int scoreboard_wait(struct loop *loop, int timeout_ms, bool *called);
void scoreboard_close(struct loop *loop);

#endif

// What the workers see of each other.
#ifndef BAL_SCOREBOARD_H
#define BAL_SCOREBOARD_H

#include "base.h"

struct row;

struct scoreboard {
  struct row *rows;    // null: the other workers are not visible
  uint32_t own, count; // this worker's row, and the number of rows
  sigset_t asleep;     // signal mask while waiting
  bool called;         // another worker has called and JavaScript does not know yet
};

/** Takes a row of the scoreboard in `fd`, which stays the caller's. Returns 0 or an errno. */
int scoreboard_open(struct loop *loop, int fd, uint32_t row, uint32_t rows);
/** Writes this worker's row. */
void scoreboard_publish(struct loop *loop);
/** The fewest clients of any other accepting worker, and its row. UINT32_MAX if no other accepts. */
uint32_t scoreboard_fewest(const struct loop *loop, uint32_t *row);
/** Whether the row exists. */
bool scoreboard_has(const struct loop *loop, uint32_t row);
/** Tells that worker that clients are left to it, and wakes it if it sleeps. False when it cannot be reached. */
bool scoreboard_call(const struct loop *loop, uint32_t row);
/** Like loop_wait(), but a call from another worker ends it. `called`: that has happened since the last wait. */
int scoreboard_wait(struct loop *loop, int timeout_ms, bool *called);
void scoreboard_close(struct loop *loop);

#endif

// Balances clients between the workers that wait on the same listening sockets.
#ifndef BAL_FAIRNESS_H
#define BAL_FAIRNESS_H

#include "base.h"

struct fairness {
  uint64_t back_at;     // until when clients are left to another worker; 0: they are not
  uint64_t alone_until; // none are left before then, because nobody took them
  bool late;            // clients were left until the time was up, in the last round
  uint8_t in_vain;      // how many times in a row clients were still waiting then
  uint8_t churn;        // how many connections end per one that begins, see fairness.c
};

/** Listens again after leaving clients to another worker. */
void fairness_come_back(struct loop *loop);
uint64_t fairness_due(const struct loop *loop);
/** Enables balancing once the scoreboard is open: calls from other workers now end a wait. */
void fairness_begin(struct loop *loop);
/** Count a connection that begins or ends. */
void fairness_begins(struct loop *loop);
void fairness_ends(struct loop *loop);
/** Returns how many clients may be accepted now. 0: none, they are left to another worker. */
int fairness_allows(struct loop *loop, struct listener *listener, int most);
/** Notes accepted clients. `more`: another worker called for them and there may be more. */
void fairness_took(struct loop *loop, struct listener *listener, int count, bool more);
/** Stops leaving clients to others: the last listener has stopped or accepting is paused. */
void fairness_forget(struct loop *loop);
/** Calls the worker with the fewest clients: a listener has stopped and clients may still wait on it. */
void fairness_hand_over(struct loop *loop);
/** Ends a round. `due`: at least one listener was due. */
void fairness_round_ends(struct loop *loop, bool due);

#endif

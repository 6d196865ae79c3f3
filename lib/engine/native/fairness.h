// How clients are dealt out to the workers that wait on the same listening sockets.
#ifndef BAL_FAIRNESS_H
#define BAL_FAIRNESS_H

#include "base.h"

struct fairness {
  uint64_t back_at;     // clients are left to another worker until then; 0: they are not
  uint64_t alone_until; // and not before then, for nobody took them
  bool late;            // they were left until the time was up, in the last round
  uint8_t in_vain;      // so often in a row somebody was still there then
  uint8_t churn;        // how many connections end for one that begins, see fairness.c
};

/** Listens again where it was left to others for a moment. */
void fairness_come_back(struct loop *loop);
uint64_t fairness_due(const struct loop *loop);
/** The other workers are seen from now on: their calls end a wait. */
void fairness_begin(struct loop *loop);
/** A connection begins or ends. */
void fairness_begins(struct loop *loop);
void fairness_ends(struct loop *loop);
/** So many clients may be taken now; 0: none, they are left to another worker. */
int fairness_allows(struct loop *loop, struct listener *listener, int most);
/** Clients were accepted; `more`: another worker called for them, and there may be more. */
void fairness_took(struct loop *loop, struct listener *listener, int count, bool more);
/** The last listener has stopped, or accepting is paused: nothing is left to anybody. */
void fairness_forget(struct loop *loop);
/** A listener has stopped: whoever has fewest clients looks at what may wait there. */
void fairness_hand_over(struct loop *loop);
/** This round's listeners have been served; `due`: there was one. */
void fairness_round_ends(struct loop *loop, bool due);

#endif

// Clients dealt out between the workers that wait on the same listening sockets. The kernel wakes the first that
// sleeps, and in a rush whoever the scheduler lets run first would take nearly all. So each worker compares itself with
// the one that has fewest clients: it goes to the end of the queue of waiters, or leaves what waits to that one for a
// moment.
#include "bal.h"

enum {
  ACCEPTS_IN_FRONT = 16,
  // A sixteenth more clients than the worker that has fewest are still even, and so many more in a rush.
  EVEN_PART = 16,
  EVEN = 2,
  // `churn` nears the first with each connection that ends, and 0 with each that begins: it is half of that when as
  // many end as begin.
  CHURN_MOST = 64,
  CHURN_STEP = 16,
  FEW_END = CHURN_MOST / 8,
  // Clients are left to another worker for so long; if it does not come for them so often in a row, because it is busy
  // or stopped, none are left to any for the longer time.
  LEAVE_MS = 3,
  TIMES_IN_VAIN = 8,
  ALONE_MS = 400,
};

static int wait(struct loop *loop, int timeout_ms) {
  bool called;
  int count = scoreboard_wait(loop, timeout_ms, &called);
  if (likely(!called)) return count;
  for (struct listener *listener = loop->accepting.listeners; listener != NULL; listener = listener->next) {
    listener->due = listener->called = listener->armed;
  }
  return count;
}

void fairness_begin(struct loop *loop) { loop->wait = wait; }

void fairness_begins(struct loop *loop) {
  uint8_t *churn = &loop->fairness.churn;
  *churn -= (uint8_t)((*churn + CHURN_STEP - 1) / CHURN_STEP);
}

void fairness_ends(struct loop *loop) {
  uint8_t *churn = &loop->fairness.churn;
  *churn += (uint8_t)((CHURN_MOST - *churn + CHURN_STEP - 1) / CHURN_STEP);
}

/**
 * So many clients may this worker take until it is another's turn, that of `lightest`. While connections end as fast as
 * they begin nothing stays uneven, and to wake another worker costs more than it brings.
 */
static int64_t room(const struct loop *loop, uint32_t *lightest) {
  uint32_t fewest = loop->fairness.churn < FEW_END ? scoreboard_fewest(loop, lightest) : UINT32_MAX;
  if (fewest == UINT32_MAX || loop->now < loop->fairness.alone_until) return INT32_MAX;
  return (int64_t)fewest + fewest / EVEN_PART + EVEN - loop->live;
}

/**
 * Leaves the clients that wait to that worker, and wakes it; false when it cannot be told. They stay in the socket's
 * queue, where this one takes them if the other does not.
 */
static bool leave_to(struct loop *loop, struct listener *listener, uint32_t lightest) {
  if (!scoreboard_call(loop, lightest)) return false;
  listener_disarm(loop, listener);
  if (loop->fairness.back_at == 0) loop->fairness.back_at = loop->now + LEAVE_MS;
  return true;
}

int fairness_allows(struct loop *loop, struct listener *listener, int most) {
  uint32_t lightest;
  int64_t space = room(loop, &lightest);
  if (space < 1 && !loop->fairness.late && leave_to(loop, listener, lightest)) return 0;
  if (space >= most) return most;
  return space < 1 ? 1 : (int)space;
}

/**
 * Whether others should be woken first from now on. In a rush everybody is awake, and after a number of clients is soon
 * enough; clients that come one by one and stay, as those of a connection pool do, are dealt out one by one.
 */
static bool had_its_share(const struct loop *loop, const struct listener *listener) {
  if (listener->accepted >= ACCEPTS_IN_FRONT) return true;
  uint32_t lightest, fewest = scoreboard_fewest(loop, &lightest);
  return listener->burst == 1 && fewest != UINT32_MAX && loop->live > fewest + fewest / EVEN_PART;
}

/** To the end of the queue of waiters. */
static void step_back(struct loop *loop, struct listener *listener) {
  listener->accepted = 0;
  if (!loop->can.exclusive || !listener->armed) return;
  listener_disarm(loop, listener);
  if (listener_arm(loop, listener) != 0) accept_resume_later(loop);
}

void fairness_took(struct loop *loop, struct listener *listener, int count, bool more) {
  struct fairness *fairness = &loop->fairness;
  if (fairness->late && ++fairness->in_vain == TIMES_IN_VAIN) {
    fairness->in_vain = 0;
    fairness->alone_until = loop->now + ALONE_MS;
  }
  listener->accepted += (uint32_t)count;
  // The kernel may not have told of all that this worker was called for: one that registers anew is told of what is
  // left.
  if (more || had_its_share(loop, listener)) step_back(loop, listener);
}

void fairness_round_ends(struct loop *loop, bool due) {
  if (loop->fairness.late && !due) loop->fairness.in_vain = 0; // nothing had been left
  loop->fairness.late = false;
}

void fairness_come_back(struct loop *loop) {
  struct fairness *fairness = &loop->fairness;
  uint32_t lightest;
  if (fairness->back_at == 0) return;
  fairness->late = loop->now >= fairness->back_at;
  if (!fairness->late && room(loop, &lightest) < EVEN / 2) return;
  if (!fairness->late) fairness->in_vain = 0;
  fairness->back_at = 0;
  if (reserve_serves_one(loop)) accept_arm_all(loop);
}

uint64_t fairness_due(const struct loop *loop) { return loop->fairness.back_at == 0 ? NEVER : loop->fairness.back_at; }

void fairness_forget(struct loop *loop) { loop->fairness.back_at = 0; }

void fairness_hand_over(struct loop *loop) {
  uint32_t lightest;
  scoreboard_publish(loop);
  // A client for whom this worker alone was woken, or whom it left to one that stops too, would wait until the next one
  // comes.
  if (scoreboard_fewest(loop, &lightest) != UINT32_MAX) scoreboard_call(loop, lightest);
}

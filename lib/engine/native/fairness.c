// Balances clients between the workers that wait on the same listening sockets. The kernel wakes the first that sleeps,
// and in a rush the first that the scheduler runs would take nearly all. So each worker compares itself with the one
// that has the fewest clients. It moves to the end of the wait queue, or leaves the waiting clients to that worker for
// a moment.
#include "bal.h"

enum {
  ACCEPTS_IN_FRONT = 16,
  // A worker counts as even with a sixteenth more clients than the one with the fewest, plus EVEN in a rush.
  EVEN_PART = 16,
  EVEN = 2,
  // `churn` approaches CHURN_MOST with each connection that ends and 0 with each that begins. It is half of CHURN_MOST
  // when as many end as begin.
  CHURN_MOST = 64,
  CHURN_STEP = 16,
  FEW_END = CHURN_MOST / 8,
  // Clients are left to another worker for LEAVE_MS. If it is busy or stopped and does not come TIMES_IN_VAIN times in
  // a row, none are left to any worker for ALONE_MS.
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
 * Returns how many more clients this worker may take before it is the turn of `lightest`. No limit while connections
 * end as fast as they begin: nothing stays uneven then, and waking another worker costs more than it gains.
 */
static int64_t room(const struct loop *loop, uint32_t *lightest) {
  uint32_t fewest = loop->fairness.churn < FEW_END ? scoreboard_fewest(loop, lightest) : UINT32_MAX;
  if (fewest == UINT32_MAX || loop->now < loop->fairness.alone_until) return INT32_MAX;
  return (int64_t)fewest + fewest / EVEN_PART + EVEN - loop->live;
}

/**
 * Leaves the waiting clients to that worker and wakes it. False when it cannot be reached. The clients stay in the
 * socket's queue, where this worker takes them if the other does not.
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
 * Whether other workers should be woken first from now on. In a rush every worker is awake, so checking after
 * ACCEPTS_IN_FRONT clients is soon enough. Clients that come one by one and stay, as from a connection pool, are dealt
 * out one by one.
 */
static bool had_its_share(const struct loop *loop, const struct listener *listener) {
  if (listener->accepted >= ACCEPTS_IN_FRONT) return true;
  uint32_t lightest, fewest = scoreboard_fewest(loop, &lightest);
  return listener->burst == 1 && fewest != UINT32_MAX && loop->live > fewest + fewest / EVEN_PART;
}

/** Moves this worker to the end of the wait queue. */
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
  // The kernel may not have reported all the clients this worker was called for. Registering anew reports the rest.
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
  // A client for which only this worker was woken, or which it left to another that stops too, would otherwise wait
  // until the next client comes.
  if (scoreboard_fewest(loop, &lightest) != UINT32_MAX) scoreboard_call(loop, lightest);
}

#include "rounds.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
  AT_ONCE = 64,      // events fetched at a time
  TICK_MS = 25,      // a connect made alone costs twice as much as one among others
  QUIET_CHECKS = 15, // until a backend that does not speak first is listened to again
};

/** The timer's mark in the epoll set, where checks have their seats. */
static const uint32_t TIMER = UINT32_MAX;

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

/** Below `bound`. Xorshift: enough to spread checks. */
static uint64_t random_below(struct rounds *rounds, uint64_t bound) {
  rounds->random ^= rounds->random << 13;
  rounds->random ^= rounds->random >> 7;
  rounds->random ^= rounds->random << 17;
  return rounds->random % bound;
}

/** The tick before or after `at`, on average at `at`; after `now` in any case. */
static uint64_t tick_at(struct rounds *rounds, uint64_t at, uint64_t now) {
  uint64_t tick = (at + random_below(rounds, TICK_MS)) / TICK_MS * TICK_MS;
  return tick > now ? tick : now + 1;
}

/** The period ± a tenth from now, so that checks that began together drift apart. */
static uint64_t next_due(struct rounds *rounds, uint64_t now, uint32_t period) {
  return tick_at(rounds, now + period - period / 10 + random_below(rounds, period / 5 + 1), now);
}

static void set_alarm(struct rounds *rounds, uint64_t at) {
  if (at == rounds->alarm) return;
  rounds->alarm = at;
  struct itimerspec when = {0}; // disarms it
  if (at != UINT64_MAX) {
    when.it_value.tv_sec = (time_t)(at / 1000);
    when.it_value.tv_nsec = (long)(at % 1000) * 1000000;
  }
  timerfd_settime(rounds->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void alarm_by(struct rounds *rounds, uint64_t at) {
  if (at < rounds->alarm) set_alarm(rounds, at);
}

uint32_t rounds_begin(struct rounds *rounds, const union address *address, socklen_t length, uint32_t in,
                      uint32_t period, uint32_t timeout) {
  uint32_t at = seats_take(rounds);
  if (at == NONE) return NONE;
  struct seat *seat = &rounds->seats[at];
  *seat = (struct seat){.state = SEAT_WAITING, .fd = -1, .length = length, .address = *address};
  seat->order = ++rounds->orders;
  seat->period = period;
  seat->timeout = timeout;
  uint64_t now = now_ms();
  seat->due = tick_at(rounds, now + in, now);
  alarm_by(rounds, seat->due);
  return at;
}

static void passed(struct rounds *rounds, uint32_t at) {
  struct seat *seat = &rounds->seats[at];
  if (seat->quiet > 0) {
    seat->quiet--;
    close(seat->fd);
  } else {
    if (rounds->goodbyes.count == 0) rounds->sweep = now_ms() + GOODBYE_SWEEP_MS;
    goodbyes_say(&rounds->goodbyes, seat->fd, (uint64_t)seat->order << 32 | at);
    alarm_by(rounds, rounds->sweep);
  }
  seat->fd = -1;
  seat->state = SEAT_WAITING;
  seat->passed = seat->began;
  if (seat->passes < INT32_MAX) seat->passes++;
  seats_changed(rounds, at);
}

static void failed(struct rounds *rounds, uint32_t at, int error) {
  struct seat *seat = &rounds->seats[at];
  if (seat->fd >= 0) close(seat->fd);
  seat->fd = -1;
  seat->state = SEAT_FAILED;
  seat->error = error;
  seats_changed(rounds, at);
}

/**
 * The backend closed without a byte, soon after the FIN, so the next connections can be closed at once. One that speaks
 * first, or is slow, would see a reset.
 */
static void was_quiet(void *context, uint64_t tag) {
  struct rounds *rounds = context;
  struct seat *seat = &rounds->seats[(uint32_t)tag];
  if (seat->order == tag >> 32) seat->quiet = QUIET_CHECKS;
}

void rounds_reached(struct rounds *rounds, uint32_t at, uint64_t began) {
  if (at < rounds->room && rounds->seats[at].reached < began) rounds->seats[at].reached = began;
}

/** A client's connect that is younger than the period replaces the check. */
static bool trust(struct rounds *rounds, uint32_t at, uint64_t now) {
  struct seat *seat = &rounds->seats[at];
  uint64_t until = seat->reached / 1000000 + seat->period;
  if (seat->reached == 0 || until <= now) return false;
  // Not a tick before: the same connect would replace another check.
  seat->due = (until + random_below(rounds, seat->period / 10 + 1) + TICK_MS - 1) / TICK_MS * TICK_MS;
  seat->trusted = seat->reached;
  if (seat->trusts < INT32_MAX) seat->trusts++;
  seats_changed(rounds, at);
  return true;
}

static void check(struct rounds *rounds, uint32_t at, uint64_t now) {
  if (trust(rounds, at, now)) return;
  struct seat *seat = &rounds->seats[at];
  seat->began = uv_hrtime();
  seat->due = next_due(rounds, now, seat->period);
  int fd = tcp_check_connect(&seat->address, seat->length, "");
  if (fd < 0) return failed(rounds, at, -fd);
  seat->fd = fd;
  if (tcp_check_is_accepted(fd)) return passed(rounds, at);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = at};
  if (epoll_ctl(rounds->watch.fd, EPOLL_CTL_ADD, fd, &event) != 0) return failed(rounds, at, errno);
  seat->state = SEAT_CONNECTING;
  seat->until = now + seat->timeout;
}

/** A connect that took its time is over. False if it failed, or was the last one: JavaScript waits for it. */
static bool connected(struct rounds *rounds, uint32_t at) {
  if (at >= rounds->room || rounds->seats[at].state != SEAT_CONNECTING) return true;
  struct seat *seat = &rounds->seats[at];
  int error = tcp_check_error(seat->fd);
  // ECONNRESET, EPIPE: accepted, and reset before this process looked. A busy machine must not change the result.
  if (error != 0 && error != ECONNRESET && error != EPIPE) return failed(rounds, at, error), false;
  passed(rounds, at);
  if (seat->due == NEVER) return false;
  uint64_t now = now_ms();
  // Missed checks are skipped.
  if (seat->due <= now) seat->due = next_due(rounds, now, seat->period);
  alarm_by(rounds, seat->due);
  return true;
}

/** Does what is due by the clock. False if a check failed. */
static bool tick(struct rounds *rounds) {
  bool have_passed = true;
  uint64_t now = now_ms(), next = UINT64_MAX;
  for (uint32_t at = 0; at < rounds->room; at++) {
    struct seat *seat = &rounds->seats[at];
    if (seat->state == SEAT_WAITING && seat->due <= now) check(rounds, at, now);
    else if (seat->state == SEAT_CONNECTING && seat->until <= now) failed(rounds, at, ETIMEDOUT);
    if (seat->state == SEAT_WAITING && seat->due < next) next = seat->due;
    if (seat->state == SEAT_CONNECTING && seat->until < next) next = seat->until;
    if (seat->state == SEAT_FAILED) have_passed = false;
  }
  if (rounds->goodbyes.count > 0 && rounds->sweep <= now) {
    goodbyes_sweep(&rounds->goodbyes, was_quiet, rounds);
    rounds->sweep = now + GOODBYE_SWEEP_MS;
  }
  if (rounds->goodbyes.count > 0 && rounds->sweep < next) next = rounds->sweep;
  set_alarm(rounds, next);
  return have_passed;
}

bool rounds_came(struct watch *watch) {
  struct rounds *rounds = (struct rounds *)watch;
  struct epoll_event events[AT_ONCE];
  bool is_tick = false, have_passed = true;
  int count;
  // All of them before the clock: after a pause of this process, many that have connected in time look late.
  do {
    count = epoll_wait(watch->fd, events, AT_ONCE, 0);
    for (int i = 0; i < count; i++) {
      if (events[i].data.u32 == TIMER) is_tick = true;
      else have_passed &= connected(rounds, events[i].data.u32);
    }
  } while (count == AT_ONCE);
  if (is_tick) {
    rounds->alarm = UINT64_MAX;
    have_passed &= tick(rounds);
  }
  return !have_passed;
}

int rounds_open(struct rounds *rounds, int epoll) {
  *rounds = (struct rounds){.free = NONE, .changed = NONE, .alarm = UINT64_MAX, .random = uv_hrtime() | 1};
  rounds->watch.came = rounds_came;
  rounds->watch.end = rounds_close;
  rounds->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (rounds->timer < 0) return errno;
  // Edge-triggered: setting it again is enough, and saves reading it.
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = TIMER};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, rounds->timer, &event) == 0 ? 0 : errno;
}

void rounds_close(struct watch *watch) {
  struct rounds *rounds = (struct rounds *)watch;
  for (uint32_t at = 0; at < rounds->room; at++) {
    if (rounds->seats[at].fd >= 0) close(rounds->seats[at].fd);
  }
  free(rounds->seats);
  rounds->seats = NULL;
  rounds->room = 0;
  if (rounds->timer >= 0) close(rounds->timer);
  goodbyes_end(&rounds->goodbyes);
}

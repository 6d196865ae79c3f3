// The loop of one JavaScript environment. It waits and hands out, and knows nobody: who is called is in its hooks, and
// what each part knows is in a structure of its own.
#ifndef BAL_LOOP_H
#define BAL_LOOP_H

#include "accept.h"
#include "calls.h"
#include "fairness.h"
#include "hold.h"
#include "pools.h"
#include "ready.h"
#include "reserve.h"
#include "ring.h"
#include "scoreboard.h"
#include "slots.h"
#include "system.h"
#include "wheel.h"

/** What the low bits of an event's data say: a side of a connection, a listener, or libuv. */
enum { FOR_LISTENER = 2, FOR_LIBUV = 3, FOR_MASK = 3, KINDS = 3 };
typedef void hook(struct loop *loop);

/** Who is called; the lists end with a null. */
struct hooks {
  void (*event[KINDS])(struct loop *loop, const struct epoll_event *event);
  void (*begin)(struct loop *loop, int events); // the events of a round are handed out now …
  hook *end;                                    // … and are handed out
  hook *turns[12];                              // after that, in each round
  uint64_t (*dues[8])(const struct loop *loop); // when a turn is wanted at the latest, NEVER if it is not
  hook *rests[4];                               // nothing is waited for any more
  hook *closes[8];                              // the environment ends
};

struct loop {
  uv_loop_t *uv;
  uv_prepare_t prepare;
  uv_idle_t idle;
  unsigned open_handles;
  void (*closed)(struct loop *loop);
  bool closing; // the environment ends: no more calls
  bool running; // prepare is started

  int epoll;
  uint64_t now; // ms of libuv's clock, once a round
  uint32_t round;
  uint32_t generation; // of watched descriptors, see events.c
  uint32_t needed;     // by so many listeners and connections: without them there is nothing to wait for
  uint32_t live;       // connections
  struct engine *engines;

  const struct hooks *hooks;
  int (*wait)(struct loop *loop, int timeout_ms); // loop_wait(), or what another worker's call ends

  struct script js;
  struct accepting accepting;
  struct fairness fairness;
  struct scoreboard scoreboard;
  struct reserve reserve;
  struct slots slots;
  struct ready ready;
  struct wheel wheel;
  struct pools pools;
  struct abilities can;
  struct ports ports;
  struct epoll_event events[EVENTS];
  struct batch batch;
};

/* loop.c */
/** A loop that only lacks its place in the environment, and its parts; null with errno set. */
struct loop *loop_make(uv_loop_t *uv, const struct hooks *hooks);
/** From here on loop_adjust() may start it. */
void loop_begin(struct loop *loop);
/** epoll_wait(2) into the loop's events. */
int loop_wait(struct loop *loop, int timeout_ms);
/** What time it is now, and not only once a round. */
void loop_look_at_clock(struct loop *loop);
/** Starts or stops waiting, as there is something to wait for or not. */
void loop_adjust(struct loop *loop);
/** The environment ends: calls the closing hooks, and `closed` when libuv has let go, which may free the loop. */
void loop_end(struct loop *loop, void (*closed)(struct loop *loop));

/* environment.c */
/** The environment's loop, made when it is first asked for; null with errno set when it cannot be. */
struct loop *loop_of(napi_env env);

/** Room for MESSAGE_BYTES, behind the messages that are put aside. */
static inline char *shared_room(struct loop *loop) { return loop->batch.shared + loop->batch.aside; }

/** What holds for a connection that has a target. */
static inline const struct service *service_of(const struct connection *c) {
  const struct engine *engine = c->listener->engine;
  return &engine->services[engine->targets[c->target].service];
}

#endif

// The loop of one JavaScript environment. It waits for events and dispatches them through hooks, without knowing the
// parts behind them. Each part keeps its state in a structure of its own.
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

/** The low bits of an event's data: a side of a connection, a listener, or libuv. */
enum { FOR_LISTENER = 2, FOR_LIBUV = 3, FOR_MASK = 3, KINDS = 3 };
typedef void hook(struct loop *loop);

/** The functions that the loop calls. The lists end with a null. */
struct hooks {
  void (*event[KINDS])(struct loop *loop, const struct epoll_event *event);
  void (*begin)(struct loop *loop, int events); // before the events of a round are dispatched …
  hook *end;                                    // … and after
  hook *turns[12];                              // then these, in each round
  uint64_t (*dues[8])(const struct loop *loop); // the latest time of the next turn, NEVER for none
  hook *rests[4];                               // there is nothing left to wait for
  hook *closes[8];                              // the environment ends
};

struct loop {
  uv_loop_t *uv;
  uv_prepare_t prepare;
  uv_idle_t idle;
  unsigned open_handles;
  void (*closed)(struct loop *loop);
  bool closing; // the environment is ending: no more calls
  bool running; // the prepare handle is started

  int epoll;
  uint64_t now; // ms of libuv's clock, updated once a round
  uint32_t round;
  uint32_t generation; // the last one given to a descriptor, see events.c
  uint32_t needed;     // listeners and connections: without any there is nothing to wait for
  uint32_t live;       // connections
  struct engine *engines;

  const struct hooks *hooks;
  int (*wait)(struct loop *loop, int timeout_ms); // loop_wait(), or a wait that a call from another worker ends

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
/** Creates a loop without its parts and not yet in the environment. Null with errno set. */
struct loop *loop_make(uv_loop_t *uv, const struct hooks *hooks);
/** Allows loop_adjust() to start the loop. */
void loop_begin(struct loop *loop);
/** epoll_wait(2) into the loop's events. */
int loop_wait(struct loop *loop, int timeout_ms);
/** Updates `now` outside the once-a-round update. */
void loop_look_at_clock(struct loop *loop);
/** Starts or stops the loop depending on whether there is something to wait for. */
void loop_adjust(struct loop *loop);
/**
 * Shuts the loop down with its environment: calls the closing hooks, and `closed` when libuv has let go. `closed` may
 * free the loop.
 */
void loop_end(struct loop *loop, void (*closed)(struct loop *loop));

/* environment.c */
/** Returns the environment's loop, creating it on first use. Null with errno set when that fails. */
struct loop *loop_of(napi_env env);

/** MESSAGE_BYTES of room after the messages put aside. */
static inline char *shared_room(struct loop *loop) { return loop->batch.shared + loop->batch.aside; }

/** The service of a connection that has a target. */
static inline const struct service *service_of(const struct connection *c) {
  const struct engine *engine = c->listener->engine;
  return &engine->services[engine->targets[c->target].service];
}

#endif

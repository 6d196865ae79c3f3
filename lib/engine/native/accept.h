// Listening sockets and accepting clients from them.
#ifndef BAL_ACCEPT_H
#define BAL_ACCEPT_H

#include "connection.h"

struct listener {
  struct engine *engine;
  struct listener *next;
  int fd; // -1: no longer accepting
  int32_t id;
  uint32_t keepalive_ms;              // 0: clients are not probed
  uint32_t inspect_bytes, inspect_ms; // 0: the policy does not inspect first bytes
  uint32_t live;                      // connections of this listener
  uint32_t accepted;                  // clients since it last moved to the end of the kernel's wait queue
  int8_t talks_first;                 // > 0: clients have usually sent something by the time they are accepted
  uint8_t since_probe;
  uint8_t burst;       // clients to accept in one turn
  uint32_t last_round; // the last round in which it was due
  bool armed;          // in the epoll set
  bool due;            // this round's events include it …
  bool called;         // … or another worker left clients to this one
  struct peer local;   // the address that all of its clients connect to; family 0: they may differ
};

struct accepting {
  struct listener *listeners;
  uint32_t armed;     // how many listeners are in the epoll set
  uint64_t resume_at; // when to refill the reserve and resume paused accepting; 0: neither is needed
};

/** How long to pause accepting after it, or something it needs, has failed. */
enum { PAUSE_MS = 100 };

/** Marks a listener as due in this round. */
void accept_event(struct loop *loop, const struct epoll_event *event);
/** Accepts a bounded number of clients from each listener that is due. */
void accept_round(struct loop *loop);
/** Resumes paused accepting when its time has come. */
void accept_resume(struct loop *loop);
uint64_t accept_due(const struct loop *loop);
void accept_close(struct loop *loop);
/** Starts accepting. Returns 0 or an errno; on error the caller still owns `fd`. */
int listener_start(struct listener *listener, int fd, int backlog);
/**
 * The listener with this id; if there is none, a new one that does not accept and is freed once it has no connections.
 * Null when out of memory.
 */
struct listener *listener_of(struct engine *engine, int32_t id);
void listener_stop(struct listener *listener);
/** The address that the client connected to; family 0: unknown. */
void accept_local(const struct connection *c, struct peer *local);
/** Adds the listener to the epoll set. Returns 0 or an errno. */
int listener_arm(struct loop *loop, struct listener *listener);
void listener_disarm(struct loop *loop, struct listener *listener);
/** Rearms all disarmed listeners. Retries the ones that fail after PAUSE_MS. */
void accept_arm_all(struct loop *loop);
void accept_pause(struct loop *loop);
/** Schedules a retry in PAUSE_MS unless one is already scheduled. */
void accept_resume_later(struct loop *loop);
/** Makes a scheduled retry due now, because two descriptors have been freed. */
void accept_hurry(struct loop *loop);
/** Frees listeners that neither accept nor have connections. */
void listeners_sweep(struct loop *loop);

#endif

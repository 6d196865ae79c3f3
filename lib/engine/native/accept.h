// Listening sockets, and taking clients from them.
#ifndef BAL_ACCEPT_H
#define BAL_ACCEPT_H

#include "base.h"

struct listener {
  struct engine *engine;
  struct listener *next;
  int fd; // -1: no longer accepting
  int32_t id;
  uint32_t keepalive_ms;              // 0: clients are not probed
  uint32_t inspect_bytes, inspect_ms; // 0: the policy does not see first bytes
  uint32_t live;                      // its connections
  uint32_t accepted;                  // since it last moved to the end of the kernel's queue of waiters
  int8_t talks_first;                 // > 0: clients have mostly sent something by the time they are accepted
  uint8_t since_probe;
  uint8_t burst;       // clients to accept in one go
  uint32_t last_round; // in which it was due
  bool armed;          // in the epoll set
  bool due;            // this round's events name it
  bool called;         // or another worker left clients to this one
};

struct accepting {
  struct listener *listeners;
  uint32_t armed;     // so many of them are in the epoll set
  uint64_t resume_at; // the reserve is filled and paused accepting resumed then; 0: neither is needed
};

/** How long accepting, or what it needs, is left alone that has failed. */
enum { PAUSE_MS = 100 };

/** A listener is due in this round. */
void accept_event(struct loop *loop, const struct epoll_event *event);
/** Takes clients of the listeners that are due, a bounded number of each. */
void accept_round(struct loop *loop);
/** Accepting that was paused goes on, when it is time. */
void accept_resume(struct loop *loop);
uint64_t accept_due(const struct loop *loop);
void accept_close(struct loop *loop);
/** Begins to accept; returns 0 or an errno, and then `fd` is still the caller's. */
int listener_start(struct listener *listener, int fd, int backlog);
/**
 * The listener with this id, or one that does not accept and is freed when it has no connections; null when there is no
 * memory.
 */
struct listener *listener_of(struct engine *engine, int32_t id);
void listener_stop(struct listener *listener);
/** Puts it into the epoll set. Returns 0 or an errno. */
int listener_arm(struct loop *loop, struct listener *listener);
void listener_disarm(struct loop *loop, struct listener *listener);
/** Those that do not listen for now do again; what cannot is tried again in a while. */
void accept_arm_all(struct loop *loop);
void accept_pause(struct loop *loop);
/** What could not be done is tried again in a while. */
void accept_resume_later(struct loop *loop);
/** Two descriptors are free again: what was paused need not wait any longer. */
void accept_hurry(struct loop *loop);
/** Frees listeners that neither accept nor have connections. */
void listeners_sweep(struct loop *loop);

#endif

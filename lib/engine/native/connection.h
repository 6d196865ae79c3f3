// A connection: what is known of it, and its life from accepted to over.
#ifndef BAL_CONNECTION_H
#define BAL_CONNECTION_H

#include "base.h"

/** The two sides of a connection. Direction d leads from side d to side !d, so CLIENT is also client → backend. */
enum { CLIENT = 0, BACKEND = 1 };

/** Answers of the policy instead of a target; see engine.ts. */
enum { REFUSE = -1, WAIT = -2, INSPECT = -3, MORE = -4 };
/** Instead of a target that the policy named and that leads nowhere; instead of an answer: the client is gone. */
enum { NOWHERE = INT32_MIN, GONE = INT32_MIN + 1 };

/** INSPECTIONS of engine.ts, in its order. */
enum inspection { FIRST_BYTES, FULL, AT_ITS_END, LATE };

/** CONNECT_FAILURES of engine.ts, in its order. */
enum cause { CAUSE_REFUSED, CAUSE_TIMEOUT, CAUSE_UNREACHABLE, CAUSE_RESET, CAUSE_LOCAL, CAUSE_OTHER };

/** ENDS of engine.ts, in its order. */
enum end {
  END_CLIENT_CLOSED,
  END_BACKEND_CLOSED,
  END_CLIENT_RESET,
  END_BACKEND_RESET,
  END_IDLE,
  END_CUT,
  END_CLIENT_GONE,
  END_REFUSED,
};

enum state {
  FREE,       // the slot holds no connection
  INSPECTED,  // the client's first bytes are looked at, and more are to come
  WAITING,    // the policy is being asked, or said WAIT
  DECIDED,    // decide() named a target, or many attempts in a row failed at once: goes on from the ready list
  CONNECTING, // an attempt is under way
  OPEN,       // bytes flow
};

/** What is known of a side's descriptor. */
enum side_flag {
  READABLE = 1,     // a read may find something
  WRITABLE = 2,     // the last write was taken whole, or EPOLLOUT came since
  HUNG_UP = 4,      // the peer's FIN has arrived: all it will ever send is in the receive queue
  BROKEN = 8,       // reset, or given up by the network
  URGENT = 16,      // urgent data was seen: a short read does not mean that the queue is empty
  WATCHES_OUT = 32, // registered for EPOLLOUT
  SENT = 64,        // something was sent to it
  NO_DELAY = 128,   // TCP_NODELAY is set
};

/** What is known of a direction. */
enum direction_flag {
  ENDED = 1,     // the source's end was read
  PASSED_ON = 2, // … and the sink told so
  STREAM = 4,    // large reads: worth splicing
  IN_PIPE = 8,   // what is held is a pipe, else a buffer
  NO_SPLICE = 16 // splicing said "end" and a read said otherwise
};

/** Who a client is: kept from accept(2) on, because a socket that was reset no longer tells. */
struct peer {
  uint8_t ip[16]; // IPv4: the first four
  uint16_t port;  // of the network's byte order
  uint8_t family; // AF_INET, AF_INET6 as one byte; 0: not known
};

/** A connection between `accepted` and `ended`. Its index in the slots is its id in JavaScript. */
struct connection {
  uint32_t generation[2]; // of each side's descriptor: an event for another one is stale
  int fd[2];
  struct link ready; // in the loop's ready list; `next` also links free and ended slots
  struct link timer; // in a bucket of the wheel
  uint32_t last;     // ms: when the attempt began, or the last byte (or the backend's end) moved
  int32_t target;    // the one named last; < 0: it has none
  uint64_t bytes[2]; // relayed in each direction
  void *held[2];     // read but not yet written, a buffer or a pipe; null when there is none
  struct listener *listener;
  uint32_t index;   // its own
  struct peer peer; // the client
  uint16_t bucket;  // of the wheel, when `timed`
  uint8_t state;
  uint8_t side[2], direction[2];
  bool watched : 1;       // the client is registered
  bool queued : 1;        // in the ready list
  bool timed : 1;         // in the wheel
  bool aside : 1;         // a message of it is put aside
  bool backend_first : 1; // the backend's end was read before the client's
  bool probed : 1;        // the backend's socket has keepalive probes
};
// Seventy thousand of them are 8 MB: one more byte would cost each of them eight.
_Static_assert(sizeof(struct connection) == 112, "a connection has grown");

/* events.c */
/** Something has happened on a side. */
void events_side(struct loop *loop, const struct epoll_event *event);
/** The environment ends, and all connections with it, without telling anybody. */
void events_close(struct loop *loop);
/** Registers one side of a connection. Returns 0 or an errno. */
int watch(struct loop *loop, struct connection *c, int side, uint32_t events);
/** Takes one side out again, whose descriptor goes on living elsewhere. */
void unwatch(struct loop *loop, struct connection *c, int side);
/** Adds EPOLLOUT to what a side is registered for. Returns 0 or an errno. */
int watch_out(struct loop *loop, struct connection *c, int side);

/* connection.c */
/** A slot for a connection of this listener, counted as one; null when there is no memory. */
struct connection *connection_new(struct loop *loop, struct listener *listener);
/** It is over here. Its slot is still to be freed, and its descriptors are whoever's. */
void connection_forget(struct loop *loop, struct connection *c);
/** A slot for a client whose fate is not decided; null when there is no memory, and the client is gone. */
struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer);
/** The policy's answer: a target, REFUSE or WAIT. */
void connection_decided(struct loop *loop, struct connection *c, int32_t answer);
void connection_event(struct loop *loop, struct connection *c, int side, uint32_t events);
/** Its turn on the ready list. */
void connection_ready(struct loop *loop, struct connection *c);
/** The attempt under way has failed. */
void connection_failed(struct loop *loop, struct connection *c, enum cause cause);
/** More of the client's first bytes have come, or it is `late`. */
void connection_inspect(struct loop *loop, struct connection *c, bool late);
/** Ends a connection at once. Whatever `end` is not clean resets both sides. */
void connection_finish(struct loop *loop, struct connection *c, enum end end);
/**
 * Ends a connection that nobody has broken: with a FIN on both sides, unless bytes would be lost in the middle. False
 * when it came to an end of its own meanwhile.
 */
bool connection_leave(struct loop *loop, struct connection *c, enum end end);

/* deadline.c */
/** First bytes are waited for. */
void deadline_inspect(struct loop *loop, struct connection *c);
/** An attempt to connect is under way. */
void deadline_connect(struct loop *loop, struct connection *c);
/** It is open, as it was elsewhere. */
void deadline_adopted(struct loop *loop, struct connection *c);
/** It is open: nothing has moved yet. */
void deadline_open(struct loop *loop, struct connection *c);
/** The backend's end has been passed on to a client that has not ended. */
void deadline_half_closed(struct loop *loop, struct connection *c);
/** The wheel has come to it: ends it, or puts it further on. */
void deadline_due(struct loop *loop, struct connection *c);

#endif

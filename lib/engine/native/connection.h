// A connection: its state, and its life from accepted to over.
#ifndef BAL_CONNECTION_H
#define BAL_CONNECTION_H

#include "base.h"

/** The two sides of a connection. Direction d leads from side d to side !d, so CLIENT also means client → backend. */
enum { CLIENT = 0, BACKEND = 1 };

/** Answers of the policy other than a target; see engine.ts. */
enum { REFUSE = -1, WAIT = -2, INSPECT = -3, MORE = -4 };
/** NOWHERE replaces a target with no route; GONE replaces an answer when the client is gone. */
enum { NOWHERE = INT32_MIN, GONE = INT32_MIN + 1 };

/** INSPECTIONS of engine.ts, in the same order. */
enum inspection { FIRST_BYTES, FULL, AT_ITS_END, LATE };

/** CONNECT_FAILURES of engine.ts, in the same order. */
enum cause { CAUSE_REFUSED, CAUSE_TIMEOUT, CAUSE_UNREACHABLE, CAUSE_RESET, CAUSE_LOCAL, CAUSE_OTHER };

/** ENDS of engine.ts, in the same order. */
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
  INSPECTED,  // waits for more of the client's first bytes
  WAITING,    // the policy is being asked, or it answered WAIT
  DECIDED,    // decide() named a target, or many attempts in a row failed at once: continues from the ready list
  CONNECTING, // an attempt is under way
  OPEN,       // bytes flow
};

/** State of one side's descriptor. */
enum side_flag {
  READABLE = 1,     // a read may find something
  WRITABLE = 2,     // the last write was taken whole, or EPOLLOUT has come since
  HUNG_UP = 4,      // the peer's FIN has arrived: everything it sent is in the receive queue
  BROKEN = 8,       // reset, or the network gave up
  URGENT = 16,      // urgent data was seen: a short read does not mean the queue is empty
  WATCHES_OUT = 32, // registered for EPOLLOUT
  SENT = 64,        // something has been sent to it
  NO_DELAY = 128,   // TCP_NODELAY is set
};

/** State of one direction. */
enum direction_flag {
  ENDED = 1,     // EOF was read from the source
  PASSED_ON = 2, // … and passed on to the sink
  STREAM = 4,    // large reads: worth splicing
  IN_PIPE = 8,   // the held bytes are in a pipe, not a buffer
  NO_SPLICE = 16 // splice reported EOF but a read did not
};

/** The client's address, kept from accept(2) on because getpeername(2) fails on a reset socket. */
struct peer {
  uint8_t ip[16]; // IPv4: only the first four
  uint16_t port;  // network byte order
  uint8_t family; // AF_INET or AF_INET6 as one byte; 0: unknown
};

/** A connection between `accepted` and `ended`. Its slot index is its id in JavaScript. */
struct connection {
  uint32_t generation[2]; // of each side's descriptor: an event with another generation is stale
  int fd[2];
  struct link ready; // links the loop's ready list; `next` also links free and ended slots
  struct link timer; // links a bucket of the wheel
  uint32_t last;     // ms: when the attempt began, or when the last byte (or the backend's FIN) moved
  int32_t target;    // the last one named; < 0: none
  uint64_t bytes[2]; // relayed in each direction
  void *held[2];     // read but not yet written, a buffer or a pipe; null: nothing
  struct listener *listener;
  uint32_t index;   // index of its own slot
  struct peer peer; // the client
  uint16_t bucket;  // wheel bucket, if `timed`
  uint8_t state;
  uint8_t side[2], direction[2];
  bool watched : 1;       // the client is in the epoll set
  bool queued : 1;        // on the ready list
  bool timed : 1;         // in the wheel
  bool aside : 1;         // it has a message put aside
  bool backend_first : 1; // the backend sent FIN before the client did
  bool probed : 1;        // the backend's socket has keepalive probes
  uint8_t unix_sides : 2; // bit 1 << side: a Unix socket, where a short read does not mean the queue is empty
};
// Seventy thousand connections take 8 MB; one more byte would cost eight per connection.
_Static_assert(sizeof(struct connection) == 112, "a connection has grown");

/* events.c */
/** Handles an event of a side. */
void events_side(struct loop *loop, const struct epoll_event *event);
/** Ends all connections with the environment, without telling JavaScript. */
void events_close(struct loop *loop);
/** Adds one side of a connection to the epoll set. Returns 0 or an errno. */
int watch(struct loop *loop, struct connection *c, int side, uint32_t events);
/** Removes one side from the epoll set. Its descriptor lives on elsewhere. */
void unwatch(struct loop *loop, struct connection *c, int side);
/** Adds EPOLLOUT to a side's registration. Returns 0 or an errno. */
int watch_out(struct loop *loop, struct connection *c, int side);

/* connection.c */
/** Takes a slot for a connection of this listener and counts it. Null when out of memory. */
struct connection *connection_new(struct loop *loop, struct listener *listener);
/** Drops a connection that is over here. The caller frees its slot and owns its descriptors. */
void connection_forget(struct loop *loop, struct connection *c);
/** Takes a slot for a new, undecided client. Null when out of memory; the client has been reset then. */
struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer);
/** Notes whether a side is a Unix socket. */
static inline void connection_unix(struct connection *c, int side, bool is_unix) {
  c->unix_sides = (uint8_t)((c->unix_sides & ~(1 << side)) | is_unix << side) & 3;
}
/** Acts on the policy's answer: a target, REFUSE, WAIT or INSPECT. */
void connection_decided(struct loop *loop, struct connection *c, int32_t answer);
void connection_event(struct loop *loop, struct connection *c, int side, uint32_t events);
/** Continues a connection from the ready list. */
void connection_ready(struct loop *loop, struct connection *c);
/** Handles the failure of the current attempt. */
void connection_failed(struct loop *loop, struct connection *c, enum cause cause);
/** Inspects again: more first bytes have come, or the time is up (`late`). */
void connection_inspect(struct loop *loop, struct connection *c, bool late);
/** Ends a connection at once. Resets both sides unless `end` is a clean one. */
void connection_finish(struct loop *loop, struct connection *c, enum end end);
/**
 * Ends a connection that neither peer has broken: with a FIN on both sides, or a reset where bytes would be lost. False
 * if it ended by itself instead.
 */
bool connection_leave(struct loop *loop, struct connection *c, enum end end);

/* deadline.c */
/** Starts the wait for first bytes. */
void deadline_inspect(struct loop *loop, struct connection *c);
/** Starts the connect timeout. */
void deadline_connect(struct loop *loop, struct connection *c);
/** Starts the timeouts of an adopted connection. `last` stays as the record says. */
void deadline_adopted(struct loop *loop, struct connection *c);
/** Starts the timeouts of a connection that has just opened. */
void deadline_open(struct loop *loop, struct connection *c);
/** Starts the half-closed timeout: the backend's FIN was passed on and the client has not ended. */
void deadline_half_closed(struct loop *loop, struct connection *c);
/** Checks a connection whose bucket has come up: ends it or rearms its timer. */
void deadline_due(struct loop *loop, struct connection *c);

#endif

// What all parts of the addon share: the structures, and who does what. README.md beside this file tells the story.
//
//   addon.c     the surface towards JavaScript: checks arguments, makes and closes engines
//   calls.c     calls from here into JavaScript
//   loop.c      waits for events and hands them out, libuv being one of the members
//   accept.c    listening sockets
//   connection.c  the life of a connection: accepted, routed, open, over
//   connect.c   one attempt to reach a backend
//   relay.c     bytes from one side to the other
//   hold.c      bytes that could not be passed on yet: chunks and tubes
//   slots.c     where connections are kept
//   wheel.c     connect and idle timeouts
//   system.c    system calls that may be missing, causes of failures, counts of shortages
#ifndef BAL_H
#define BAL_H

#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <uv.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/** No connection, end of a list. */
#define NONE UINT32_MAX

/** The two sides of a connection. Direction d leads from side d to side !d, so CLIENT is also client → backend. */
enum { CLIENT = 0, BACKEND = 1 };

/** Answers of the policy instead of a target; see engine.ts. */
enum { REFUSE = -1, WAIT = -2 };

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
  WAITING,    // the policy said WAIT
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
  IN_TUBE = 8,   // what is held is a tube, else a chunk
  NO_SPLICE = 16 // splicing said "end" and a read said otherwise
};

struct link {
  uint32_t previous, next;
};

/** A connection between `accepted` and `ended`. Its index in the slots is its id in JavaScript. */
/** Who a client is: kept from accept(2) on, because a socket that was reset no longer tells. */
struct peer {
  uint8_t ip[16]; // IPv4: the first four
  uint16_t port;  // of the network's byte order
  uint8_t family; // AF_INET, AF_INET6 as one byte; 0: not known
};

struct connection {
  uint32_t generation[2]; // of each side's descriptor: an event for another one is stale
  int fd[2];
  struct link ready;  // in the loop's ready list; `next` also links free and told slots
  struct link timer;  // in a bucket of the wheel
  uint32_t last;      // ms: when the attempt began, or the last byte moved
  int32_t target;     // the backend named last
  uint64_t bytes[2];  // relayed in each direction
  void *held[2];      // read but not yet written, a chunk or a tube; null when there is none
  struct listener *listener;
  uint32_t index;     // its own
  struct peer peer;   // the client
  uint16_t bucket;    // of the wheel, when `timed`
  uint8_t state;
  uint8_t side[2], direction[2];
  bool watched : 1;       // the client is registered
  bool queued : 1;        // in the ready list
  bool timed : 1;         // in the wheel
  bool backend_first : 1; // the backend's end was read before the client's
};

/** Where a target leads. */
struct target {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  uint8_t length;      // of the address; 0: never routed
  int8_t quick;        // > 0: its connects complete within connect(2), as on loopback
  uint8_t since_probe; // attempts since that was last tried
};

struct listener {
  struct engine *engine;
  struct listener *next;
  int fd; // -1: no longer accepting
  int32_t id;
  uint32_t connect_ms, idle_ms;
  uint32_t live;      // its connections
  uint32_t accepted;  // since it last moved to the end of the kernel's queue of waiters
  int8_t talks_first; // > 0: clients have mostly sent something by the time they are accepted
  uint8_t since_probe;
  uint8_t burst;       // clients to accept in one go
  uint32_t last_round; // in which it was due
  bool armed; // in the epoll set
  bool due;   // this round's events name it
};

enum shortage_place { AT_ACCEPT, AT_SOCKET, AT_CONNECT, AT_PIPE, AT_EPOLL, AT_MEMORY, SHORTAGE_PLACES };
enum { SHORTAGE_ERRORS = 7 };

struct engine {
  struct loop *loop; // null once closed
  struct engine *next;
  napi_ref self, accepted, failed, told, bytes_ref, records_ref, relayed_ref, clients_ref;
  struct target *targets;
  uint32_t target_count;
  uint32_t told_slots; // connections over, whose ids JavaScript has not been told yet: a list through ready.next
  uint32_t recorded;   // records waiting for JavaScript
  int32_t *records;    // [end or RECORD_CONNECTED, connection] each
  double *relayed;     // [bytes in, bytes out] of each record
  int32_t *clients;    // [connection, listener] of each client to be decided on; the answer replaces the connection
  double *bytes;       // two numbers a target
  uint64_t shortages[SHORTAGE_PLACES][SHORTAGE_ERRORS];
};

enum { SLOTS_PER_SLAB = 512, BUCKETS = 512, BUCKET_MS = 64, EVENTS = 128 };
/** libuv's clock may be late by a jiffy; a timeout must not be early for that. */
enum { CLOCK_MS = 8 };

struct slab;
struct chunk;
struct tube;

/** Everything of one JavaScript environment. Its engines share it, because only one of them could do the waiting. */
struct loop {
  napi_env env;
  uv_loop_t *uv;
  uv_prepare_t prepare;
  uv_idle_t idle;
  unsigned open_handles;
  napi_async_cleanup_hook_handle hook;
  napi_ref resource;
  napi_async_context context;
  napi_handle_scope handles;
  napi_callback_scope callback;
  bool inside;  // JavaScript may be called: it called us, or our scopes are open
  bool calling; // a callback of the policy is running
  bool closing; // the environment ends: no more calls
  bool called;  // JavaScript ran in this round
  bool running; // prepare is started

  int epoll;
  int reserve; // a spare descriptor, given up so that a client accepted with the last one gets its backend
  uint64_t now; // ms of libuv's clock, once a round
  uint32_t round;
  int last_descriptor; // accepting a client above it means that descriptors run short
  uint32_t generation;
  struct engine *engines;
  struct listener *listeners;
  uint64_t resume_at; // accepting is paused until then; 0: not paused
  uint32_t live;      // connections

  struct link ready; // previous: last, next: first
  uint32_t ready_count;
  struct slab **slabs;
  uint32_t slab_count, slab_room; // slabs below slab_room are full
  uint32_t spare_slab;

  uint64_t tick; // the last one that was handled
  uint32_t bucket[BUCKETS];
  uint64_t occupied[BUCKETS / 64];

  struct chunk *chunks; // unused ones
  struct tube *tubes;   // unused ones
  uint32_t chunk_count, tube_count, tubes_out, large_tubes;
  uint64_t pools_until; // they are emptied then; 0: they are empty

  bool can_splice, can_splice_out, can_exclusive, can_accept4;
  uint16_t first_ephemeral, last_ephemeral;
  struct epoll_event events[EVENTS];
  char shared[32 * 1024]; // small messages pass through here
};

/** The low bits of what an event carries: a side of a connection, or one of these. */
enum { FOR_LISTENER = 2, FOR_LIBUV = 3, FOR_MASK = 3 };

/* loop.c */
struct loop *loop_of(napi_env env);
/** Starts or stops waiting, as there is something to wait for or not. */
void loop_adjust(struct loop *loop);
/** Puts a connection at the end of the ready list: it has its turn in the next round. */
void ready_add(struct loop *loop, struct connection *c);
void ready_remove(struct loop *loop, struct connection *c);
/** Registers one side of a connection. Returns 0 or an errno. */
int watch(struct loop *loop, struct connection *c, int side, uint32_t events);
/** Adds EPOLLOUT to what a side is registered for. Returns 0 or an errno. */
int watch_out(struct loop *loop, struct connection *c, int side);

/* accept.c */
/** Begins to accept; returns 0 or an errno, and then `fd` is still the caller's. */
int listener_start(struct listener *listener, int fd, int backlog);
void listener_stop(struct listener *listener);
void accept_clients(struct loop *loop, struct listener *listener);
void accept_pause(struct loop *loop);
void accept_resume(struct loop *loop);
/** Frees listeners that neither accept nor have connections. */
void listeners_sweep(struct loop *loop);

/* connection.c */
/** A slot for a client whose fate is not decided; null when there is no memory, and the client is gone. */
struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer);
/** The policy's answer: a target, REFUSE or WAIT. */
void connection_decided(struct loop *loop, struct connection *c, int32_t answer);
void connection_event(struct loop *loop, struct connection *c, int side, uint32_t events);
void connection_ready(struct loop *loop, struct connection *c);
void connection_due(struct loop *loop, struct connection *c);
void connection_finish(struct loop *loop, struct connection *c, enum end end);

/* connect.c */
enum attempt { CONNECTED, UNDER_WAY, FAILED, CLIENT_LOST, SHORT_OF_MEMORY };
enum attempt connect_start(struct loop *loop, struct connection *c, enum cause *cause);
enum attempt connect_event(struct loop *loop, struct connection *c, uint32_t events, enum cause *cause);

/* relay.c */
/** Moves what can be moved in both directions, a bounded amount. May end the connection. */
void relay(struct loop *loop, struct connection *c);
/** Counts bytes that were written in a direction. */
void relay_count(struct loop *loop, struct connection *c, int direction, size_t bytes);

/* hold.c */
enum flushed { EMPTY, STILL_HELD, SINK_FAILED };
/** Keeps bytes that could not be written; false when there is no memory. */
bool hold_bytes(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length);
/** Splices from the source into a tube; as splice(2), or -1 with ENOSYS when copying has to do. */
ssize_t hold_spliced(struct loop *loop, struct connection *c, int direction);
enum flushed hold_flush(struct loop *loop, struct connection *c, int direction);
void hold_drop(struct loop *loop, struct connection *c, int direction);
/** Empties the pools. */
void hold_free_pools(struct loop *loop);

/* slots.c */
struct connection *slot_take(struct loop *loop);
void slot_free(struct loop *loop, uint32_t index);
/** The connection with this id, or null. */
struct connection *slot_find(struct loop *loop, uint32_t index);
/** The client of a connection that is live, or over but not yet told; NULL when there is none. */
const struct peer *slot_peer(struct loop *loop, uint32_t index);
struct connection *slot_at(struct loop *loop, uint32_t index);
uint32_t slot_limit(const struct loop *loop);
void slots_free_all(struct loop *loop);

/* wheel.c */
void wheel_init(struct loop *loop);
/** Calls connection_due() not before `delay` ms after `since`. */
void wheel_add(struct loop *loop, struct connection *c, uint32_t since, uint32_t delay);
void wheel_remove(struct loop *loop, struct connection *c);
void wheel_turn(struct loop *loop);
/** When the wheel has to be turned next, in ms of the loop's clock; UINT64_MAX: it is empty. */
uint64_t wheel_next(const struct loop *loop);

/* calls.c */
bool js_enter(struct loop *loop);
void js_leave(struct loop *loop);
/** Asks where `count` clients go: [connection, listener] of each are in engine->clients, the answers replace the connections. */
void js_accepted(struct engine *engine, int count);
int32_t js_failed(struct engine *engine, uint32_t connection, enum cause cause);
void js_connected(struct connection *c);
void js_ended(struct connection *c, enum end end);
/** Room for the two records that one event can cause. Frees no slot of a live connection. */
void js_make_room(struct engine *engine);
/** Hands over the records that wait. */
void js_flush(struct engine *engine);
enum { RECORDS = 64, RECORD_CONNECTED = -1, CLIENTS = 8 };

/* system.c */
void system_probe(struct loop *loop);
/** From here on whoever this thread wakes need not be interrupted by it in turn; see there. */
void system_batch(void);
int system_accept(struct loop *loop, int fd, struct peer *peer);
ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out);
int system_add_listener(struct loop *loop, struct listener *listener);
void system_reset(int fd);
bool system_is_missing(int error);
enum cause cause_of(int error);
bool is_shortage(int error);
void shortage(struct engine *engine, enum shortage_place place, int error);
const char *shortage_place_name(enum shortage_place place);
int shortage_error(int column);

#endif

// The structures that all parts of the addon share, and the constants of what they hold.
#ifndef BAL_STATE_H
#define BAL_STATE_H

#include <netinet/in.h>
#include <node_api.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <uv.h>

/** No connection, end of a list. */
#define NONE UINT32_MAX

/** The two sides of a connection. Direction d leads from side d to side !d, so CLIENT is also client → backend. */
enum { CLIENT = 0, BACKEND = 1 };

/** Answers of the policy instead of a target; see engine.ts. */
enum { REFUSE = -1, WAIT = -2 };
/** Instead of a target that the policy named and that leads nowhere. */
enum { NOWHERE = INT32_MIN };

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
  IN_TUBE = 8,   // what is held is a tube, else a chunk
  NO_SPLICE = 16 // splicing said "end" and a read said otherwise
};

struct link {
  uint32_t previous, next;
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
  struct link ready;  // in the loop's ready list; `next` also links free and told slots
  struct link timer;  // in a bucket of the wheel
  uint32_t last;      // ms: when the attempt began, or the last byte (or the backend's end) moved
  int32_t target;     // the one named last; < 0: it has none
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
  bool aside : 1;         // a message of it is put aside
  bool backend_first : 1; // the backend's end was read before the client's
  bool probed : 1;        // the backend's socket has keepalive probes
};
// Seventy thousand of them are 8 MB: one more byte would cost each of them eight.
_Static_assert(sizeof(struct connection) == 112, "a connection has grown");

/** What holds for the connections to a service's targets. */
struct service {
  uint32_t connect_ms; // 0: this id is not in use
  uint32_t idle_ms, half_closed_ms;
  uint32_t keepalive_ms; // 0: backends are not probed
};

/** Where a target leads, and for whom. */
struct target {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  uint32_t service;
  uint32_t live;       // connections that lead there
  uint8_t length;      // of the address; 0: it leads nowhere
  int8_t quick;        // > 0: its connects complete within connect(2), as on loopback
  uint8_t since_probe; // attempts since that was last tried
};

struct listener {
  struct engine *engine;
  struct listener *next;
  int fd; // -1: no longer accepting
  int32_t id;
  uint32_t keepalive_ms; // 0: clients are not probed
  uint32_t live;      // its connections
  uint32_t accepted;  // since it last moved to the end of the kernel's queue of waiters
  int8_t talks_first; // > 0: clients have mostly sent something by the time they are accepted
  uint8_t since_probe;
  uint8_t burst;       // clients to accept in one go
  uint32_t last_round; // in which it was due
  bool armed; // in the epoll set
  bool due;   // this round's events name it
  bool called; // or another worker left clients to this one
};

enum shortage_place { AT_ACCEPT, AT_SOCKET, AT_CONNECT, AT_PIPE, AT_EPOLL, AT_MEMORY, SHORTAGE_PLACES };
enum { SHORTAGE_ERRORS = 7 };

struct engine {
  struct loop *loop; // null once closed
  struct engine *next;
  napi_ref self, accepted, failed, told, bytes_ref, records_ref, relayed_ref, clients_ref;
  struct target *targets;
  struct service *services;
  uint32_t target_room, service_room; // as many as fit in there
  uint32_t told_slots; // connections over, whose ids JavaScript has not been told yet: a list through ready.next
  uint32_t recorded;   // records waiting for JavaScript
  int32_t *records;    // [end or RECORD_CONNECTED, connection] each
  double *relayed;     // [bytes in, bytes out] of each record
  int32_t *clients;    // [connection, listener] of each client to be decided on; the answer replaces the connection
  double *bytes;       // two numbers for each that fits
  uint64_t shortages[SHORTAGE_PLACES][SHORTAGE_ERRORS];
};

/** What is read at a time; what is put aside at most, of all connections and of each. */
enum { MESSAGE_BYTES = 32 * 1024, ASIDE_BYTES = 32 * 1024, ASIDE_EACH = 4096 };
enum { SLOTS_PER_SLAB = 512, BUCKETS = 512, BUCKET_MS = 64, EVENTS = 128 };
/** Clients asked about in one call; what the reserve holds: one for the backend of each, and one to accept with. */
enum { CLIENTS = 8, RESERVE = CLIENTS + 1 };
/** libuv's clock may be late by a jiffy; a timeout must not be early for that. */
enum { CLOCK_MS = 8 };

struct ring;
struct row;
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
  int reserve[RESERVE]; // spare descriptors, given up one by one when there are no others
  uint8_t reserved;     // so many of them are there
  uint64_t now; // ms of libuv's clock, once a round
  uint32_t round;
  uint32_t generation;
  struct engine *engines;
  struct listener *listeners;
  uint64_t resume_at; // the reserve is filled and paused accepting resumed then; 0: neither is needed
  uint32_t live;      // connections
  uint32_t armed;     // listeners in the epoll set

  struct row *scoreboard;   // null: the other workers are not seen
  uint32_t row, rows; // this worker's, and how many there are
  sigset_t asleep;      // the signals blocked while waiting
  uint64_t back_at;     // clients are left to another worker until then; 0: they are not
  uint64_t alone_until; // and not before then, for nobody took them
  bool late;            // they were left until the time was up, in the last round
  uint8_t in_vain;      // so often in a row somebody was still there then
  uint8_t churn;        // how many connections end for one that begins, see accept.c

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
  struct ring *ring; // null: every message is sent by a call of its own
  int ring_error;    // the errno for which there is none
  bool gathers;      // messages may be put aside
  uint32_t aside;    // bytes of them, at the beginning of `shared`
  char shared[ASIDE_BYTES + MESSAGE_BYTES]; // small messages pass through here
};

/** The low bits of what an event carries: a side of a connection, or one of these. */
enum { FOR_LISTENER = 2, FOR_LIBUV = 3, FOR_MASK = 3 };

#endif

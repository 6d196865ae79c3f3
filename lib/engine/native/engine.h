// The state of one policy: its services and targets, and the records and callbacks that connect it to JavaScript. The
// engines of one JavaScript environment share a loop.
#ifndef BAL_ENGINE_H
#define BAL_ENGINE_H

#include "connection.h"
#include "sockaddr.h"

/** Settings for connections to a service's targets. */
struct service {
  uint32_t connect_ms; // 0: this id is not in use
  uint32_t idle_ms, half_closed_ms;
  uint32_t keepalive_ms; // 0: no keepalive probes to backends
  bool preamble;         // the policy sends bytes of its own to the backend first
};

/** A backend's address and the service it belongs to. */
struct target {
  union address address;
  struct sources *sources; // null: the system chooses
  uint32_t service;
  uint32_t live;       // connections to it
  uint8_t length;      // of the address; 0: no route
  int8_t quick;        // > 0: connects complete within connect(2), as on loopback
  uint8_t since_probe; // attempts since that was last probed
};

enum exhaustion_place { AT_ACCEPT, AT_SOCKET, AT_BIND, AT_CONNECT, AT_PIPE, AT_EPOLL, AT_MEMORY, EXHAUSTION_PLACES };
enum { EXHAUSTION_ERRORS = 7 };

enum { PEEKED, TAKEN, STANDS_FOR, CLIENT_PORT, LOCAL_PORT, FIRST_NUMBERS };
/** Places in `ips` after those of the clients to decide on. */
enum { OTHER_CLIENT = CLIENTS, ENDS, IP_PLACES = ENDS + 2 };

struct engine {
  struct loop *loop; // null when closed
  struct engine *next;
  napi_ref self, accepted, failed, reported, bytes_ref, records_ref, relayed_ref, clients_ref, ips_ref;
  napi_ref look, preamble, scratch_ref, first_ref;
  napi_ref called; // null: no callback for calls from other workers
  struct target *targets;
  struct service *services;
  uint32_t target_room, service_room; // capacity of the two tables
  uint32_t ended_slots; // connections that are over but not yet reported to JavaScript, linked through ready.next
  uint32_t recorded;   // records pending for JavaScript
  int32_t *records;    // [end or RECORD_CONNECTED, connection] each
  double *relayed;     // [bytes in, bytes out] for each record
  uint8_t *ips;        // PEER_BYTES of each client to decide on, the first also for who a client stands for; then the
                       // result of the last clientIp(), and both ends of the client that a preamble is for
  int32_t *clients;    // [connection, listener] of each client to decide on; the answer replaces the connection
  uint8_t *scratch;    // FIRST_AT_MOST bytes: inspected bytes or a preamble; null until needed
  uint32_t inspected;  // the connection being inspected, or NONE
  int32_t *first;      // [PEEKED]: bytes in its socket that were shown and not taken; 0 once it is routed; [TAKEN]:
                       // those before them that were taken, but are still in its socket; [STANDS_FOR]: 1 + the port of
                       // the client whose address the policy has set. [CLIENT_PORT], [LOCAL_PORT]: 1 + the ports of
                       // both ends of the client that a preamble is for; 0: that end's address is not known
  double *bytes;       // two counters per target
  uint64_t exhausted[EXHAUSTION_PLACES][EXHAUSTION_ERRORS];
};

/* routes.c */
/** Whether the target exists and has a route. */
bool target_leads(const struct engine *engine, int64_t target);
/** Sets the connection's target; WAIT, REFUSE and NOWHERE mean none. */
void connection_target(struct connection *c, int32_t target);

/* source.c */
/**
 * Parses a list such as `127.0.0.2,127.0.0.3` and keeps the addresses of `family`. Null with errno set if one is not an
 * address or there is no memory.
 */
struct sources *sources_read(const char *text, int family);
/** Binds a socket to the next source address. Returns 0 or an errno. */
int sources_bind(struct sources *sources, int fd);

/* exhaustion.c */
/** Whether the errno means that the machine or this process has run out of something. */
bool is_exhaustion(int error);
bool out_of_descriptors(int error);
/** Counts the errno for this place if it is one of exhaustion. */
void exhausted(struct engine *engine, enum exhaustion_place place, int error);
const char *exhaustion_place_name(enum exhaustion_place place);
int exhaustion_error(int column);
/** Maps the errno of a failed connect to a cause for the policy. */
enum cause cause_of(int error);

#endif

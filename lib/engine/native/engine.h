// What one policy decides about: its listeners' clients, its services and targets, and what it is told. Engines of one
// JavaScript environment share a loop.
#ifndef BAL_ENGINE_H
#define BAL_ENGINE_H

#include "connection.h"
#include "sockaddr.h"

/** What holds for the connections to a service's targets. */
struct service {
  uint32_t connect_ms; // 0: this id is not in use
  uint32_t idle_ms, half_closed_ms;
  uint32_t keepalive_ms; // 0: backends are not probed
  bool preamble;         // the policy has bytes for the backend, before the client's
};

/** Where a target leads, and for whom. */
struct target {
  union address address;
  struct sources *sources; // null: the system chooses
  uint32_t service;
  uint32_t live;       // connections that lead there
  uint8_t length;      // of the address; 0: it leads nowhere
  int8_t quick;        // > 0: its connects complete within connect(2), as on loopback
  uint8_t since_probe; // attempts since that was last tried
};

enum exhaustion_place { AT_ACCEPT, AT_SOCKET, AT_BIND, AT_CONNECT, AT_PIPE, AT_EPOLL, AT_MEMORY, EXHAUSTION_PLACES };
enum { EXHAUSTION_ERRORS = 7 };

struct engine {
  struct loop *loop; // null once closed
  struct engine *next;
  napi_ref self, accepted, failed, reported, bytes_ref, records_ref, relayed_ref, clients_ref, ip_ref;
  napi_ref look, preamble, scratch_ref;
  napi_ref called; // null: nobody wants to know
  struct target *targets;
  struct service *services;
  uint32_t target_room, service_room; // as many as fit in there
  uint32_t ended_slots; // connections over, whose ids JavaScript has not been told yet: a list through ready.next
  uint32_t recorded;   // records waiting for JavaScript
  int32_t *records;    // [end or RECORD_CONNECTED, connection] each
  double *relayed;     // [bytes in, bytes out] of each record
  uint8_t *ip;         // sixteen bytes, of the client that clientIp() was asked for last
  int32_t *clients;    // [connection, listener] of each client to be decided on; the answer replaces the connection
  uint8_t *scratch;    // FIRST_AT_MOST bytes that are inspected or a preamble; null until they are needed
  uint32_t inspected;  // the connection that the policy is asked about, or NONE
  uint32_t peeked;     // bytes of it in the scratch that are still in the socket
  double *bytes;       // two numbers for each target that fits
  uint64_t exhausted[EXHAUSTION_PLACES][EXHAUSTION_ERRORS];
};

/* routes.c */
/** There is such a target, and it leads somewhere. */
bool target_leads(const struct engine *engine, int64_t target);
/** The connection leads to this target from now on, or with WAIT, REFUSE and NOWHERE to none. */
void connection_target(struct connection *c, int32_t target);

/* source.c */
/** Those of the family in a text such as `127.0.0.2,127.0.0.3`; null when there is no memory, or one is no address. */
struct sources *sources_read(const char *text, int family);
/** Binds a socket to the next one. Returns 0 or an errno. */
int sources_bind(struct sources *sources, int fd);

/* exhaustion.c */
/** Something that this machine has run out of, in its entirety or for this process. */
bool is_exhaustion(int error);
bool out_of_descriptors(int error);
/** Counts that something was given up for this errno, if it is one. */
void exhausted(struct engine *engine, enum exhaustion_place place, int error);
const char *exhaustion_place_name(enum exhaustion_place place);
int exhaustion_error(int column);
/** What an errno says to the policy about a backend that could not be connected. */
enum cause cause_of(int error);

#endif

// What the parts of the addon do for each other; state.h has the structures. README.md beside this file tells the story.
//
//   addon.c     the surface towards JavaScript: makes engines; arguments.c checks, methods.c does what is asked
//   routes.c    services and targets
//   calls.c     calls from here into JavaScript
//   loop.c      waits for events and hands them out, libuv being one of the members
//   accept.c    listening sockets
//   scoreboard.c     what the workers see of each other
//   connection.c  the life of a connection: accepted, routed, open, over
//   connect.c   one attempt to reach a backend
//   relay.c     bytes from one side to the other
//   ring.c      the messages of a round sent together
//   hold.c      bytes that could not be passed on yet: chunks and tubes
//   rest.c      what the kernel knows of a connection at rest
//   slots.c     where connections are kept
//   peer.c      a client's address as text
//   wheel.c     connect, idle and half-closed timeouts
//   system.c    system calls that may be missing, causes of failures, counts of shortages
#ifndef BAL_H
#define BAL_H

#include "state.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

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
/** Takes clients of the listeners that this round's events named, a bounded number of each. */
void accept_round(struct loop *loop);
void accept_pause(struct loop *loop);
void accept_resume(struct loop *loop);
/** Frees listeners that neither accept nor have connections. */
void listeners_sweep(struct loop *loop);
/** As far as descriptors go. */
void reserve_fill(struct loop *loop);
/** Gives up one descriptor for another use, and with the last ones accepting for now; false when there is none. */
bool reserve_use(struct loop *loop);
void reserve_close(struct loop *loop);

/** A connection begins or ends. */
void accept_begins(struct loop *loop);
void accept_ends(struct loop *loop);
/** Another worker leaves clients to this one. */
void accept_called(struct loop *loop);
/** Listens again where it was left to others for a moment. */
void accept_come_back(struct loop *loop);

/* scoreboard.c */
/** Takes a row on the scoreboard in `fd`, which stays the caller's. Returns 0 or an errno. */
int scoreboard_open(struct loop *loop, int fd, uint32_t row, uint32_t rows);
/** Writes down what the others are to see. */
void scoreboard_tell(const struct loop *loop);
/** The clients of whoever of the others accepts and has fewest, and its row; UINT32_MAX when nobody does. */
uint32_t scoreboard_fewest(const struct loop *loop, uint32_t *row);
/** Tells the worker that sits there that clients are left to it, and wakes it if it sleeps; false when it cannot be told. */
bool scoreboard_call(const struct loop *loop, uint32_t row);
/** epoll_wait(2), which ends when another worker calls; `called`: that has happened since the last time. */
int scoreboard_wait(const struct loop *loop, struct epoll_event *events, int timeout_ms, bool *called);
void scoreboard_close(struct loop *loop);

/* connection.c */
/** A slot for a client whose fate is not decided; null when there is no memory, and the client is gone. */
struct connection *connection_accepted(struct loop *loop, struct listener *listener, int fd, const struct peer *peer);
/** The policy's answer: a target, REFUSE or WAIT. */
void connection_decided(struct loop *loop, struct connection *c, int32_t answer);
void connection_event(struct loop *loop, struct connection *c, int side, uint32_t events);
void connection_ready(struct loop *loop, struct connection *c);
void connection_due(struct loop *loop, struct connection *c);
/** The backend's end has been passed on to a client that has not ended. */
void connection_half_closed(struct loop *loop, struct connection *c);
/** Ends a connection at once. Whatever `end` is not clean resets both sides. */
void connection_finish(struct loop *loop, struct connection *c, enum end end);
/**
 * Ends a connection that nobody has broken: with a FIN on both sides, unless bytes would be lost in the middle. False when
 * it came to an end of its own meanwhile.
 */
bool connection_leave(struct loop *loop, struct connection *c, enum end end);

/* routes.c */
/** The connection leads to this target from now on, or with WAIT, REFUSE and NOWHERE to none. */
void connection_target(struct connection *c, int32_t target);
/** What holds for a connection that has a target. */
static inline const struct service *service_of(const struct connection *c) {
  const struct engine *engine = c->listener->engine;
  return &engine->services[engine->targets[c->target].service];
}

/* connect.c */
enum attempt { CONNECTED, UNDER_WAY, FAILED, CLIENT_LOST, SHORT_OF_MEMORY };
enum attempt connect_start(struct loop *loop, struct connection *c, enum cause *cause);
enum attempt connect_event(struct loop *loop, struct connection *c, uint32_t events, enum cause *cause);

/* relay.c */
/** Moves what can be moved in both directions, a bounded amount. May end the connection. */
void relay(struct loop *loop, struct connection *c);
/** Also what no event has told of yet. */
void relay_rest(struct loop *loop, struct connection *c);
/** What the ring could not send of a message: kept, for the sink takes no more, or dropped, for it is `broken`. */
void relay_unsent(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length, bool broken);
/** Counts bytes that were written in a direction. */
void relay_count(struct loop *loop, struct connection *c, int direction, size_t bytes);

/* ring.c */
/** Returns 0, or the errno for which messages are not sent together. */
int ring_open(struct loop *loop);
/** One more message of at most ASIDE_EACH bytes can be put aside. Only with an open ring. */
bool ring_has_room(const struct loop *loop);
/** Puts a message aside, which has just been read into shared_room(). */
void ring_add(struct loop *loop, struct connection *c, int direction, size_t length);
/** Sends what is aside. May end connections, and JavaScript may run. */
void ring_send(struct loop *loop);
void ring_close(struct loop *loop);
/** Room for MESSAGE_BYTES, behind the messages that are put aside. */
static inline char *shared_room(struct loop *loop) { return loop->shared + loop->aside; }

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

/* rest.c */
/** May be in the middle of something: bytes have just come from a side that has not ended, and not for the first time. */
bool rest_flows(const struct connection *c);
/** Nothing that is here would be lost by closing now: both sides are sound, and nothing is held or unread. */
bool rest_is_whole(const struct connection *c);
/** Corrects `last` by what the kernel has moved since. */
void rest_ask(const struct loop *loop, struct connection *c);
/** Has TCP probe the peer after so much silence, or with 0 not any more. */
void rest_keep_alive(int fd, uint32_t silence_ms);
/**
 * TCP does not probe a peer while bytes are under way to it, but sends them again for a quarter of an hour. So: in how many
 * ms a side that has left them unanswered counts as vanished, 0 when it has, UINT32_MAX when it answers.
 */
uint32_t rest_hope(const struct connection *c, int side);

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

/* peer.c */
enum { PEER_TEXT = 64 };
/** Writes `ip:port`, `[ip]:port` or, where the address is not known, nothing into PEER_TEXT bytes; returns their end. */
char *peer_write(const struct peer *peer, char *at);

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
enum { RECORDS = 64, RECORD_CONNECTED = -1 };

/* system.c */
void system_probe(struct loop *loop);
/** From here on whoever this thread wakes need not be interrupted by it in turn; see there. */
void system_batch(void);
int system_accept(struct loop *loop, int fd, struct peer *peer);
ssize_t system_splice(struct loop *loop, int from, int to, size_t length, bool out);
int system_add_listener(struct loop *loop, struct listener *listener);
void system_reset(int fd);
/** Closing will be a reset. */
void system_will_reset(int fd);
bool system_is_missing(int error);
/** A test wants it to be missing. */
bool system_disabled(const char *word);
enum cause cause_of(int error);
bool is_shortage(int error);
bool out_of_descriptors(int error);
void shortage(struct engine *engine, enum shortage_place place, int error);
const char *shortage_place_name(enum shortage_place place);
int shortage_error(int column);

#endif

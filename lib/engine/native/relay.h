// One attempt to reach a backend, bytes between the two sides, and what the kernel knows of them at rest.
#ifndef BAL_RELAY_H
#define BAL_RELAY_H

#include "connection.h"

/* connect.c */
enum attempt { CONNECTED, UNDER_WAY, FAILED, CLIENT_LOST, NO_MEMORY_LEFT };
enum attempt connect_start(struct loop *loop, struct connection *c, enum cause *cause);
enum attempt connect_event(struct loop *loop, struct connection *c, uint32_t events, enum cause *cause);

/* first.c */
/** Asks the policy what to do by the client's first bytes: its answer, MORE before there are any, or GONE. */
int32_t first_inspect(struct connection *c, bool late);
/** Forgets bytes that the policy has just been shown; false when there are not so many. */
bool first_take(struct engine *engine, uint32_t bytes);
/** Sends what the policy has for the backend that has just been connected; false when the connection cannot go on. */
bool first_preamble(struct loop *loop, struct connection *c);
/** Sends so many bytes of a preamble in the scratch, and behind them of the client's in the shared room; as send(2). */
ssize_t first_send(struct loop *loop, struct connection *c, size_t preamble, size_t length);

/* relay.c */
/** Moves what can be moved in both directions, a bounded amount. May end the connection. */
void relay(struct loop *loop, struct connection *c);
/** Also what no event has told of yet. */
void relay_rest(struct loop *loop, struct connection *c);
/** What the ring could not send of a message: kept, for the sink takes no more, or dropped, for it is `broken`. */
void relay_unsent(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length,
                  bool broken);
/** Counts bytes that were written in a direction. */
void relay_count(struct loop *loop, struct connection *c, int direction, size_t bytes);

/* rest.c */
/** May be in the middle of something: bytes have just come from a side that has not ended, not for the first time. */
bool rest_flows(const struct connection *c);
/** Nothing that is here would be lost by closing now: both sides are sound, and nothing is held or unread. */
bool rest_is_whole(const struct connection *c);
/** Corrects `last` by what the kernel has moved since. */
void rest_ask(const struct loop *loop, struct connection *c);
/** Has TCP probe the peer after so much silence, or with 0 not any more. */
void rest_keep_alive(int fd, uint32_t silence_ms);
/**
 * TCP does not probe a peer while bytes are under way to it, but sends them again for a quarter of an hour. So: in how
 * many ms a side that has left them unanswered counts as vanished, 0 when it has, UINT32_MAX when it answers.
 */
uint32_t rest_hope(const struct connection *c, int side);

/* peer.c */
enum { PEER_TEXT = 64 };
/** What is written so: false when `ip` is no address. */
bool peer_read(struct peer *peer, const char *ip, uint16_t port);
/** Its address as sixteen bytes, IPv4 as IPv4 in IPv6; false when nothing is known. */
enum { PEER_BYTES = 16 };
bool peer_bytes(const struct peer *peer, uint8_t *bytes);
/** Writes `ip:port`, `[ip]:port` or, where nothing is known, nothing into PEER_TEXT bytes; returns their end. */
char *peer_write(const struct peer *peer, char *at);

#endif

// Connect attempts, relaying between the two sides, and what the kernel knows about a quiet connection.
#ifndef BAL_RELAY_H
#define BAL_RELAY_H

#include "connection.h"

/* connect.c */
enum attempt { CONNECTED, UNDER_WAY, FAILED, CLIENT_LOST, NO_MEMORY_LEFT };
enum attempt connect_start(struct loop *loop, struct connection *c, enum cause *cause);
enum attempt connect_event(struct loop *loop, struct connection *c, uint32_t events, enum cause *cause);

/* first.c */
/** Asks the policy about the client's first bytes. Returns its answer, MORE if there are none yet, or GONE. */
int32_t first_inspect(struct connection *c, bool late);
/** Gives the client the address that the policy has set, if it has. */
void first_stand_for(struct connection *c);
/** Forgets what was shown. Drops what the policy took of it, if that is still in the socket. */
void first_forget(struct connection *c);
/** Sends the policy's preamble to a backend that has just connected. False when the connection cannot continue. */
bool first_preamble(struct loop *loop, struct connection *c);
/** Sends `preamble` bytes from the scratch, then `length` client bytes from the shared room. As send(2). */
ssize_t first_send(struct loop *loop, struct connection *c, size_t preamble, size_t length);

/* relay.c */
/** Moves a bounded number of bytes in both directions. May end the connection. */
void relay(struct loop *loop, struct connection *c);
/** Relays as if both sides were readable and writable, to catch what no event has reported yet. */
void relay_rest(struct loop *loop, struct connection *c);
/** Handles what the ring could not send of a message: holds it, or drops it if the sink is `broken`. */
void relay_unsent(struct loop *loop, struct connection *c, int direction, const char *bytes, size_t length,
                  bool broken);
/** Counts bytes written in a direction. */
void relay_count(struct loop *loop, struct connection *c, int direction, size_t bytes);

/* rest.c */
/** Whether a transfer may be in progress: a side that has not ended sent bytes just now, and not its first. */
bool rest_flows(const struct connection *c);
/** Whether closing now would lose nothing: both sides are sound, and nothing is held or unread. */
bool rest_is_whole(const struct connection *c);
/** Updates `last` with what the kernel has moved since. */
void rest_ask(const struct loop *loop, struct connection *c);
/** Makes TCP probe the peer after `silence_ms`; 0 turns keepalive off. */
void rest_keep_alive(int fd, uint32_t silence_ms);
/**
 * Ms until a side that leaves data unacknowledged counts as vanished: 0 if it does already, UINT32_MAX if it answers.
 * Needed because TCP does not probe a peer while data is unacknowledged, but retransmits for a quarter of an hour.
 */
uint32_t rest_hope(const struct connection *c, int side);

/* peer.c */
enum { PEER_TEXT = 64 };
enum { PEER_BYTES = 16 };
/** Sets the address from sixteen bytes, IPv4 mapped to IPv6 … */
void peer_set(struct peer *peer, const uint8_t *bytes, uint16_t port);
/** … and writes it so. False when it is unknown. */
bool peer_bytes(const struct peer *peer, uint8_t *bytes);
/** Writes `ip:port`, `[ip]:port`, `unix` or, if unknown, nothing into PEER_TEXT bytes. Returns the end. */
char *peer_write(const struct peer *peer, char *at);

#endif

/*
 * The benchmark's load: backends and clients in C, because those of Node.js would take more CPU than the load balancers
 * that they are to measure. One process, one thread, one epoll loop.
 *
 *   loadgen server  PORTS                      backends on 127.0.0.1, until stdin ends
 *   loadgen conn    PORTS [options]            connect, one exchange, close; again
 *   loadgen rr      PORTS [options]            exchange after exchange over lasting connections
 *   loadgen stream  PORTS [options]            bulk in one direction
 *   loadgen hold    PORTS [options]            connect, one exchange, then silence until stdin ends; one exchange more
 *
 *   -c N    connections at a time (64)         -n N  bytes of a request (64)     -m N  bytes of an answer (64)
 *   -t S    seconds (1)                        -r    conn: close by RST          -v    stream: compare every byte
 *   -d DIR  stream: push, pull or both (half of the connections each)
 *
 * PORTS is a list with commas; connections take them in turn. Every mode prints lines of JSON: `{"event":"ready"}` where
 * there is something to wait for, at last a line of results (but for the server).
 */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- main.c ---- */

enum { MAX_PORTS = 128, BATCH = 256 };

struct options {
	const char *mode, *direction;
	int ports[MAX_PORTS], port_count;
	int connections;
	uint32_t request, answer;
	double seconds;
	bool reset, verify;
};
extern struct options wanted;
extern int loop; /* the epoll descriptor */

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
uint64_t now_us(void);
void watch(int operation, int fd, uint32_t events, uint64_t data);
struct sockaddr_in loopback(int host, int port); /* 127.0.0.host */

/*
 * ---- bytes.c: streams of known bytes ----
 *
 * A connection starts with a header that tells the backend what is wanted, so that one backend serves all cases. All that
 * follows comes from a pseudo-random block, repeated; each direction of each connection starts elsewhere in it, so that a
 * byte that is lost, repeated, altered or of another connection shows. The header lies over the first bytes of the stream:
 * a 64 B request is 64 B on the wire, also the first.
 */

enum kind { EXCHANGE = 1, PUSH, PULL };

struct header {
	uint32_t magic; /* anything else in its place: the connection carries somebody else's bytes */
	uint8_t kind, verify;
	uint16_t unused;
	uint32_t seed, request, answer;
};

/* What the server says at the end of a pushed stream. */
struct receipt {
	uint64_t received, wrong;
};

enum {
	MAGIC = 0x62616c21,
	HEADER = sizeof(struct header),
	CHUNK = 256 << 10,
	PULL_UNIT = 64 << 10, /* a pulled stream ends at a multiple of it, so that a tail that was cut off shows */
};

extern uint8_t inbox[CHUNK];

void fill_block(void);
/* Byte `at` of a stream and what follows: at least CHUNK bytes. Answers start at another place than requests. */
const uint8_t *stream(uint32_t seed, bool answer, uint64_t at);
/* How many of `length` bytes at `at` are not those of the stream. */
uint64_t differing(const uint8_t *bytes, size_t length, uint32_t seed, bool answer, uint64_t at);

/* ---- server.c ---- */

void serve(int descriptors);

/* ---- counts.c: what the clients count ---- */

enum failure { CONNECT, RESET, END, TIMEOUT, FAILURES };
extern uint64_t failures[FAILURES], wrong_bytes, done, bytes_done;

void note_latency(uint64_t us);
void report(double seconds);

/* ---- client.c: connections and their loop ---- */

/* RESTING: connected and silent. ENDING: a stream's last bytes are on their way. */
enum phase { CLOSED, BUSY, RESTING, ENDING };

struct slot {
	int fd;
	enum phase phase;
	struct header header;
	uint64_t sent, due, received, expected, since_us;
	struct receipt receipt;
};
extern struct slot *slots;
extern int busy;            /* slots that are BUSY or ENDING */
extern uint64_t finish_us;  /* no exchange starts after it; 0: each connection makes one */
extern uint64_t last_us;    /* the last time that something was done */
extern bool reopens;        /* whether a failed connection is replaced */
extern bool stdin_ended;
extern void (*on_event)(struct slot *, uint32_t events);

void open_slot(struct slot *s, enum kind kind);
void close_slot(struct slot *s);
void set_phase(struct slot *s, enum phase phase);
void fail(struct slot *s, enum failure failure);
void fail_by_errno(struct slot *s);
/* Sends what is due as far as it fits, at most `chunks`; false when the connection failed. */
bool send_due(struct slot *s, int chunks);
/* Handles what epoll has, and now and then connections that have waited too long or are to be opened again. */
void turn(void);

/* ---- modes.c: what the clients do ---- */

void run_exchanges(void);
void run_streams(void);
void run_hold(void);

#endif

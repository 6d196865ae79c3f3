/*
 * The benchmark's load generator: backends and clients in C, because in Node.js they would use more CPU than the load
 * balancers under test. One process, one thread, one epoll loop.
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
 *   -s N    client addresses, used in turn (32)
 *   -p FILE bytes that each connection begins with, as a proxy or a TLS client would: the backends skip a PROXY header
 *           (version 2) and a TLS record
 *
 * PORTS is a comma-separated list that connections use in turn. Every mode prints JSON lines: `{"event":"ready"}` where
 * the caller has to wait, and a result line at the end (except for the server).
 */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- main.c ---- */

enum { MAX_PORTS = 2048, BATCH = 256, MAX_PROLOGUE = 4096 };

struct options {
	const char *mode, *direction;
	int ports[MAX_PORTS], port_count;
	int connections;
	unsigned sources;
	uint8_t prologue[MAX_PROLOGUE];
	size_t prologue_length;
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
 * A connection starts with a header that tells the backend what to do, so one backend serves all cases. The rest comes
 * from a repeated pseudo-random block. Each direction of each connection starts at another offset, so a lost, repeated or
 * altered byte shows, or one of another connection. The header replaces the first bytes of the stream: even the first
 * 64 B request is 64 B on the wire.
 */

enum kind { EXCHANGE = 1, PUSH, PULL };

struct header {
	uint32_t magic; /* anything else: these are another connection's bytes */
	uint8_t kind, verify;
	uint16_t unused;
	uint32_t seed, request, answer;
};

/* The server's report at the end of a pushed stream. */
struct receipt {
	uint64_t received, wrong;
};

enum {
	MAGIC = 0x62616c21,
	HEADER = sizeof(struct header),
	CHUNK = 256 << 10,
	PULL_UNIT = 64 << 10, /* a pulled stream ends at a multiple of this, so that a truncated tail shows */
};

extern uint8_t inbox[CHUNK];

void fill_block(void);
/* Returns the stream from byte `at` on, at least CHUNK bytes. Answers start at another offset than requests. */
const uint8_t *stream(uint32_t seed, bool answer, uint64_t at);
/* Returns how many of `length` bytes at `at` differ from the stream. */
uint64_t differing(const uint8_t *bytes, size_t length, uint32_t seed, bool answer, uint64_t at);

/* ---- server.c ---- */

void serve(int descriptors);

/* ---- counts.c: what the clients count ---- */

enum failure { CONNECT, RESET, END, TIMEOUT, FAILURES };
extern uint64_t failures[FAILURES], wrong_bytes, done, bytes_done;

void note_latency(uint64_t us);
void report(double seconds);

/* ---- client.c: connections and their loop ---- */

/* RESTING: connected and silent. ENDING: the last bytes of a stream are still arriving. */
enum phase { CLOSED, BUSY, RESTING, ENDING };

struct slot {
	int fd;
	enum phase phase;
	struct header header;
	size_t ahead; /* how much of the prologue is sent */
	uint64_t sent, due, received, expected, since_us;
	struct receipt receipt;
};
extern struct slot *slots;
extern int busy;            /* slots that are BUSY or ENDING */
extern uint64_t finish_us;  /* no exchange starts after it; 0: each connection makes one */
extern uint64_t last_us;    /* when the last exchange or stream was done */
extern bool reopens;        /* whether a failed connection is replaced */
extern bool stdin_ended;
extern void (*on_event)(struct slot *, uint32_t events);

void open_slot(struct slot *s, enum kind kind);
void close_slot(struct slot *s);
void set_phase(struct slot *s, enum phase phase);
void fail(struct slot *s, enum failure failure);
void fail_by_errno(struct slot *s);
/* Sends what is due, as far as the socket takes it, at most `chunks`; false if the connection failed. */
bool send_due(struct slot *s, int chunks);
/* Handles epoll's events, and every TICK_MS timeouts and reopening. */
void turn(void);

/* ---- modes.c: what the clients do ---- */

void run_exchanges(void);
void run_streams(void);
void run_hold(void);

#endif

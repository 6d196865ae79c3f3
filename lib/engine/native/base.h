// Types and constants that every header needs.
#ifndef BAL_BASE_H
#define BAL_BASE_H

#include <netinet/in.h>
#include <node_api.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <uv.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/** No connection, or the end of a list. */
#define NONE UINT32_MAX
/** A time that never comes, in ms of the loop's clock. */
#define NEVER UINT64_MAX

struct connection;
struct engine;
struct listener;
struct loop;
struct peer;

struct link {
  uint32_t previous, next;
};

/** Bytes read at a time; bytes put aside at most, in all and per connection. */
enum { MESSAGE_BYTES = 32 * 1024, ASIDE_BYTES = 32 * 1024, ASIDE_EACH = 4096 };
/** FIRST_BYTES_AT_MOST of engine.ts. */
enum { FIRST_AT_MOST = 32 * 1024 };
/** Events per round; clients per call to the policy. */
enum { EVENTS = 128, CLIENTS = 8 };
/** libuv's clock may lag by a jiffy. Timeouts add this so that they never fire early. */
enum { CLOCK_MS = 8 };

#endif

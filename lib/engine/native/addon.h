// Shared by the files of the JavaScript interface: addon.c, addresses.c, arguments.c, channel.c, tcp-check.c,
// tcp-rounds.c, methods.c, watch.c, routes.c, release.c and adopt.c.
#ifndef BAL_ADDON_H
#define BAL_ADDON_H

#include "bal.h"

/** Tags the objects that wrap an engine. */
static const napi_type_tag ENGINE_TAG = {0x62616c2d656e6769, 0x6e652d6e61746976};

/* arguments.c */
/**
 * Returns the engine behind `this` with its arguments in `argv`, or null after throwing. `inside`: also allowed from
 * the policy's callbacks.
 */
struct engine *enter(napi_env env, napi_callback_info info, size_t count, napi_value *argv, bool inside);
/** Reads an integer between `low` and `high`. False after throwing. */
bool integer(napi_env env, napi_value value, double low, double high, const char *name, int64_t *result);
/** Read an Int32Array of `least` elements or more, or a Uint8Array. Valid until JS runs. False after throwing. */
bool integers(napi_env env, napi_value value, size_t least, const char *name, int32_t **values, size_t *count);
bool octets(napi_env env, napi_value value, const char *name, void **bytes, size_t *count);
napi_value undefined(napi_env env);
napi_value number(napi_env env, double value);
/** Sets a zeroed typed array as a property of `self`. Returns its memory and a reference that keeps it alive. */
bool numbers(napi_env env, napi_value self, const char *name, napi_typedarray_type type, size_t length, void *memory,
             napi_ref *ref);
/** Allocates the engine's scratch if needed. False after throwing. */
bool scratch(napi_env env, struct engine *engine);
/** Throws an Error with the errno's name as its code. */
void throw_errno(napi_env env, int error, const char *what);

/* routes.c */
/** service(id, connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs, preamble) */
napi_value set_service(napi_env env, napi_callback_info info);
/** route(target, service, ip, port, sources): `sources` is comma-separated, '' for none */
napi_value set_route(napi_env env, napi_callback_info info);
/** unroute(target) */
napi_value unset_route(napi_env env, napi_callback_info info);
/** Makes room for the target, in `bytes` as well. False when out of memory. */
bool targets_grow(napi_env env, napi_value self, struct engine *engine, int64_t target);

/* shared.c */
/** mapShared(fd, offset, bytes): maps part of a file as memory shared with everyone else who maps it */
napi_value map_shared(napi_env env, napi_callback_info info);

/* notify.c */
/** notify(path, text): sends one datagram; throws an Error with `code` */
napi_value notify(napi_env env, napi_callback_info info);

/* init.c */
/** reap(pid): whether that child had exited and its zombie is now gone */
napi_value reap(napi_env env, napi_callback_info info);
/** leave(code): ends the process at once, whatever its threads are doing */
napi_value leave(napi_env env, napi_callback_info info);

/* table.c */
/** makeRoom(): enlarges the descriptor table in the background */
napi_value make_room(napi_env env, napi_callback_info info);

/* tcp-check.c */
/** openTcpChecks(wake) → checks */
napi_value open_tcp_checks(napi_env env, napi_callback_info info);

/* tcp-rounds.c */
/** openTcpRounds(wake) → rounds */
napi_value open_tcp_rounds(napi_env env, napi_callback_info info);

/* channel.c */
/** openChannel(path, listens, wake) → channel */
napi_value open_channel(napi_env env, napi_callback_info info);

/* release.c */
/** quietFor(connection) → ms since a byte moved; 0 also if it cannot be released now */
napi_value quiet_for(napi_env env, napi_callback_info info);
/** release(connection, descriptors) → the record as a Buffer, with `descriptors` filled in; or a refusal */
napi_value release_connection(napi_env env, napi_callback_info info);

/* adopt.c */
/** adopt(record, descriptors, listener, target) → the connection or a refusal; undefined ids default to the record's */
napi_value adopt_connection(napi_env env, napi_callback_info info);

/* addresses.c */
/** clientAddress(connection) → `ip:port`, `[ip]:port`, '' */
napi_value client_address(napi_env env, napi_callback_info info);
/**
 * clientIp(connection) → whether the address is now in `engine.ips`, after those of the clients to decide on; IPv4 is
 * mapped to IPv6
 */
napi_value client_ip(napi_env env, napi_callback_info info);
/** standFor(): sets the address of the connection being inspected now, not only when that is over */
napi_value stand_for(napi_env env, napi_callback_info info);

/* methods.c */
bool define_methods(napi_env env, napi_value engine);
/** Drops all references to JavaScript objects. The engine is closed afterwards. */
void engine_release(struct engine *engine);

#endif

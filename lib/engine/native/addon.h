// Between the files of the surface towards JavaScript: addon.c, addresses.c, arguments.c, channel.c, tcp-check.c,
// methods.c, watch.c, routes.c, release.c and adopt.c.
#ifndef BAL_ADDON_H
#define BAL_ADDON_H

#include "bal.h"

/** Marks objects that wrap an engine. */
static const napi_type_tag ENGINE_TAG = {0x62616c2d656e6769, 0x6e652d6e61746976};

/* arguments.c */
/** The engine behind `this`, its arguments in `argv`; null after throwing. `inside`: also in the policy's callbacks. */
struct engine *enter(napi_env env, napi_callback_info info, size_t count, napi_value *argv, bool inside);
/** An integer between `low` and `high`; false after throwing. */
bool integer(napi_env env, napi_value value, double low, double high, const char *name, int64_t *result);
/** An Int32Array of at least so many, or a Uint8Array: its memory until JavaScript runs; false after throwing. */
bool integers(napi_env env, napi_value value, size_t least, const char *name, int32_t **values, size_t *count);
bool octets(napi_env env, napi_value value, const char *name, void **bytes, size_t *count);
napi_value undefined(napi_env env);
napi_value number(napi_env env, double value);
/** A typed array of `length` zeros as a property of `self`, its memory, and a reference that keeps it. */
bool numbers(napi_env env, napi_value self, const char *name, napi_typedarray_type type, size_t length, void *memory,
             napi_ref *ref);
/** The engine's scratch is there; false after throwing. */
bool scratch(napi_env env, struct engine *engine);
/** Throws an Error with the errno's name as its code. */
void throw_errno(napi_env env, int error, const char *what);

/* routes.c */
/** service(id, connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs, preamble) */
napi_value set_service(napi_env env, napi_callback_info info);
/** route(target, service, ip, port, sources): these separated by commas, '' for none */
napi_value set_route(napi_env env, napi_callback_info info);
/** unroute(target) */
napi_value unset_route(napi_env env, napi_callback_info info);
/** Makes room for the target, in `bytes` too; false when there is no memory. */
bool targets_grow(napi_env env, napi_value self, struct engine *engine, int64_t target);

/* shared.c */
/** mapShared(fd, offset, bytes): a part of a file of zeros or more, as memory that others who map it share */
napi_value map_shared(napi_env env, napi_callback_info info);

/* notify.c */
/** notify(path, text): one datagram; throws an Error with `code` */
napi_value notify(napi_env env, napi_callback_info info);

/* init.c */
/** reap(pid): whether that child had ended and is no zombie any more */
napi_value reap(napi_env env, napi_callback_info info);
/** leave(code): the process ends at once, whatever its threads do */
napi_value leave(napi_env env, napi_callback_info info);

/* table.c */
/** makeRoom(): for many descriptors, a moment later */
napi_value make_room(napi_env env, napi_callback_info info);

/* tcp-check.c */
/** openTcpChecks(wake) → checks */
napi_value open_tcp_checks(napi_env env, napi_callback_info info);

/* channel.c */
/** openChannel(path, listens, wake) → channel */
napi_value open_channel(napi_env env, napi_callback_info info);

/* release.c */
/** quietFor(connection) → ms since a byte moved; 0: it has, or it cannot be released now */
napi_value quiet_for(napi_env env, napi_callback_info info);
/** release(connection, descriptors) → the record, as a Buffer, with the descriptors in the array, or a refusal */
napi_value release_connection(napi_env env, napi_callback_info info);

/* adopt.c */
/** adopt(record, descriptors, listener, target) → the connection, or a refusal; without ids those of the record */
napi_value adopt_connection(napi_env env, napi_callback_info info);

/* addresses.c */
/** clientAddress(connection) → `ip:port`, `[ip]:port`, '' */
napi_value client_address(napi_env env, napi_callback_info info);
/** clientIp(connection) → whether `engine.ip` has it now, an IPv4 address as IPv4 in IPv6 */
napi_value client_ip(napi_env env, napi_callback_info info);
/** localAddress(connection): likewise, asked of the kernel each time, for few want to know */
napi_value local_address(napi_env env, napi_callback_info info);
/** setClient(connection, ip, port): of the one that the policy is being shown */
napi_value set_client(napi_env env, napi_callback_info info);

/* methods.c */
bool define_methods(napi_env env, napi_value engine);
/** Forgets all that JavaScript gave; the engine is closed then. */
void engine_release(struct engine *engine);

#endif

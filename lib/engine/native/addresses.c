// Client addresses, and the local addresses that clients connected to, for JavaScript.
#include "addon.h"

/** `ip:port`, `[ip]:port`, '' */
static napi_value address_text(napi_env env, const struct peer *peer) {
  napi_value result;
  char text[PEER_TEXT];
  const char *end = peer_write(peer, text);
  return napi_create_string_latin1(env, text, (size_t)(end - text), &result) == napi_ok ? result : NULL;
}

napi_value client_address(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct engine *engine = enter(env, info, 1, argv, true);
  int64_t id;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id)) return NULL;
  return address_text(env, slot_peer(engine->loop, (uint32_t)id));
}

napi_value client_ip(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  struct engine *engine = enter(env, info, 1, argv, true);
  int64_t id;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id)) return NULL;
  bool is_known = peer_bytes(slot_peer(engine->loop, (uint32_t)id), engine->ip);
  return napi_get_boolean(env, is_known, &result) == napi_ok ? result : NULL;
}

napi_value local_address(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  struct engine *engine = enter(env, info, 1, argv, true);
  int64_t id;
  struct peer local;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id)) return NULL;
  const struct connection *c = slot_find(engine->loop, (uint32_t)id);
  return address_text(env, c != NULL && system_local(c->fd[CLIENT], &local) ? &local : NULL);
}

napi_value set_client(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  struct engine *engine = enter(env, info, 3, argv, true);
  int64_t id, port;
  char ip[INET6_ADDRSTRLEN + 1] = "";
  size_t length;
  struct peer peer;
  if (engine == NULL || !integer(env, argv[0], 0, UINT32_MAX, "connection", &id) ||
      !integer(env, argv[2], 0, UINT16_MAX, "port", &port)) {
    return NULL;
  }
  napi_get_value_string_utf8(env, argv[1], ip, sizeof ip, &length);
  if (!peer_read(&peer, ip, (uint16_t)port)) {
    napi_throw_type_error(env, "ERR_INVALID_IP_ADDRESS", "Cannot use ip: it is not an IPv4 or IPv6 address");
    return NULL;
  }
  struct connection *c = engine->inspected == id ? slot_find(engine->loop, (uint32_t)id) : NULL;
  if (c == NULL) {
    napi_throw_error(env, "ERR_INVALID_STATE", "Cannot set the client's address: it is not being inspected");
    return NULL;
  }
  c->peer = peer;
  return undefined(env);
}

// Client addresses, for JavaScript.
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
  bool is_known = peer_bytes(slot_peer(engine->loop, (uint32_t)id), engine->ips + OTHER_CLIENT * PEER_BYTES);
  return napi_get_boolean(env, is_known, &result) == napi_ok ? result : NULL;
}

napi_value stand_for(napi_env env, napi_callback_info info) {
  struct engine *engine = enter(env, info, 0, NULL, true);
  if (engine == NULL) return NULL;
  struct connection *c = slot_find(engine->loop, engine->inspected);
  if (c != NULL) first_stand_for(c);
  return undefined(env);
}

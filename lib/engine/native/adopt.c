// Adopts a connection that another engine has released. The record and the descriptors come from elsewhere, so
// everything is checked before anything is taken. If the connection cannot be adopted, nothing has changed and the
// caller still owns the descriptors.
#include "addon.h"
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static bool direction_makes_sense(const struct handover *record, int direction) {
  uint8_t flags = record->direction[direction];
  if (record->held[direction] > BUFFER_BYTES || flags & ~HANDED_DIRECTION) return false;
  bool is_empty = record->held[direction] == 0 && record->piped[direction] == 0;
  return !(flags & PASSED_ON) || (flags & ENDED && is_empty);
}

/** Reads and checks the record. On success the bytes after it have the right length. */
static enum refusal read_record(const uint8_t *bytes, size_t length, struct handover *record) {
  if (length < sizeof record->version) return REFUSED_MALFORMED;
  memcpy(&record->version, bytes, sizeof record->version);
  if (record->version != HANDOVER_VERSION) return REFUSED_VERSION;
  if (length < sizeof *record) return REFUSED_MALFORMED;
  memcpy(record, bytes, sizeof *record);
  if (!direction_makes_sense(record, CLIENT) || !direction_makes_sense(record, BACKEND)) return REFUSED_MALFORMED;
  if (record->size != length || length - sizeof *record != record->held[CLIENT] + record->held[BACKEND]) {
    return REFUSED_MALFORMED;
  }
  // A connection that ended both ways would never be ended here.
  if (record->direction[CLIENT] & record->direction[BACKEND] & PASSED_ON) return REFUSED_MALFORMED;
  if ((record->side[CLIENT] | record->side[BACKEND]) & ~HANDED_SIDE) return REFUSED_MALFORMED;
  if (record->backend_first > 1 || record->probed > 1) return REFUSED_MALFORMED;
  uint8_t family = record->peer.family;
  return family == 0 || family == AF_UNIX || family == AF_INET || family == AF_INET6 ? NO_REFUSAL : REFUSED_MALFORMED;
}

/** A blocking descriptor would block the whole worker. */
static bool never_blocks(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && flags & O_NONBLOCK;
}

/** Returns the socket option's value, or −1. */
static int option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static bool is_unix(int fd) { return option(fd, SO_DOMAIN) == AF_UNIX; }

static bool is_stream(int fd) {
  bool is_known = option(fd, SO_PROTOCOL) == IPPROTO_TCP || (is_unix(fd) && option(fd, SO_TYPE) == SOCK_STREAM);
  return is_known && never_blocks(fd);
}

static bool is_same(int one, int other) {
  struct stat a, b;
  return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_pipe_with(int out, int in, uint32_t bytes) {
  int there;
  return fcntl(out, F_GETPIPE_SZ) > 0 && never_blocks(out) && never_blocks(in) && is_same(out, in) &&
         (fcntl(out, F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(in, F_GETFL) & O_ACCMODE) == O_WRONLY &&
         ioctl(out, FIONREAD, &there) == 0 && (uint32_t)there == bytes;
}

/** Fills in what is held in both directions. False if the descriptors do not match the record. */
static bool read_held(const struct handover *record, const char *bytes, const int32_t *fds, size_t count,
                      struct holding held[2]) {
  size_t next = 2;
  for (int direction = 0; direction < 2; direction++) {
    held[direction] = (struct holding){
        .bytes = bytes,
        .length = record->held[direction],
        .piped = record->piped[direction],
        .out = -1,
        .in = -1,
    };
    bytes += record->held[direction];
    if (record->piped[direction] == 0) continue;
    if (count < next + 2) return false;
    held[direction].out = fds[next++];
    held[direction].in = fds[next++];
    if (!is_pipe_with(held[direction].out, held[direction].in, record->piped[direction])) return false;
  }
  // Each direction would write into the other's pipe, and close it.
  bool are_two = record->piped[CLIENT] > 0 && record->piped[BACKEND] > 0;
  if (are_two && is_same(held[CLIENT].out, held[BACKEND].out)) return false;
  return count == next && fds[CLIENT] != fds[BACKEND] && is_stream(fds[CLIENT]) && is_stream(fds[BACKEND]);
}

static void restore(const struct loop *loop, struct connection *c, const struct handover *record) {
  for (int i = 0; i < 2; i++) {
    c->bytes[i] = record->bytes[i];
    c->side[i] = record->side[i];
    c->direction[i] |= record->direction[i];
  }
  c->backend_first = record->backend_first;
  c->probed = record->probed;
  c->peer = record->peer;
  c->last = (uint32_t)(record->last < loop->now ? record->last : loop->now);
  c->watched = true;
  c->state = OPEN;
}

/** Adds both sides to the epoll set, which reports what they have become ready for. Returns 0 or an errno. */
static int watch_both(struct loop *loop, struct connection *c) {
  int error = watch(loop, c, CLIENT, c->side[CLIENT] & WRITABLE ? 0 : EPOLLOUT);
  if (error != 0) return error;
  error = watch(loop, c, BACKEND, c->side[BACKEND] & WRITABLE ? 0 : EPOLLOUT);
  if (error != 0) unwatch(loop, c, CLIENT);
  return error;
}

/** Creates the connection. Returns its id or a refusal. */
static int64_t take(struct listener *listener, const struct handover *record, const struct holding held[2],
                    const int32_t *fds, int32_t target) {
  struct engine *engine = listener->engine;
  struct loop *loop = engine->loop;
  struct connection *c = connection_new(loop, listener);
  int error = ENOMEM;
  if (c == NULL) return REFUSED_EXHAUSTED;
  loop_adjust(loop); // the loop may have been stopped
  loop_look_at_clock(loop);
  for (int side = 0; side < 2; side++) {
    c->fd[side] = fds[side];
    connection_unix(c, side, is_unix(fds[side]));
  }
  connection_target(c, target);
  if (hold_adopt(loop, c, CLIENT, &held[CLIENT]) && hold_adopt(loop, c, BACKEND, &held[BACKEND])) {
    restore(loop, c, record);
    error = watch_both(loop, c);
  }
  if (error == 0) {
    deadline_adopted(loop, c);
    ready_add(loop, c); // held bytes, or bytes left unread, raise no event
    return c->index;
  }
  exhausted(engine, error == ENOMEM ? AT_MEMORY : AT_EPOLL, error);
  hold_release(loop, c, CLIENT);
  hold_release(loop, c, BACKEND);
  connection_forget(loop, c);
  slot_free(loop, c->index);
  return is_exhaustion(error) ? REFUSED_EXHAUSTED : REFUSED_MALFORMED;
}

static bool id_or(napi_env env, napi_value value, const char *name, int32_t otherwise, int64_t *id) {
  napi_valuetype type;
  *id = otherwise;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_undefined) return true;
  return integer(env, value, INT32_MIN, INT32_MAX, name, id);
}

napi_value adopt_connection(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  struct engine *engine = enter(env, info, 4, argv, false);
  int64_t listener_id, target;
  void *bytes;
  int32_t *fds;
  size_t length, count;
  struct handover record;
  struct holding held[2];
  if (engine == NULL || !octets(env, argv[0], "record", &bytes, &length) ||
      !integers(env, argv[1], 0, "descriptors", &fds, &count)) {
    return NULL;
  }
  enum refusal refusal = read_record(bytes, length, &record);
  if (refusal != NO_REFUSAL) return number(env, refusal);
  if (!id_or(env, argv[2], "listener", record.listener, &listener_id) ||
      !id_or(env, argv[3], "target", record.target, &target)) {
    return NULL;
  }
  if (!target_leads(engine, target)) return number(env, REFUSED_UNKNOWN);
  if (count < 2 || !read_held(&record, (const char *)bytes + sizeof record, fds, count, held)) {
    return number(env, REFUSED_MALFORMED);
  }
  struct listener *listener = listener_of(engine, (int32_t)listener_id);
  int64_t id = listener == NULL ? REFUSED_EXHAUSTED : take(listener, &record, held, fds, (int32_t)target);
  listeners_sweep(engine->loop);
  loop_adjust(engine->loop);
  return number(env, (double)id);
}

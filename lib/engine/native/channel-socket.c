// The sockets of channel.c. A message arrives whole with its descriptors or not at all. A peer must be a process of
// this user or of root.
#include "channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHANNEL_BACKLOG = 64 };

static int address_of(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int failed(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

/** A temporary name next to `path`, unique to this process. */
static bool draft_of(const char *path, char *draft, size_t size) {
  const char *name = strrchr(path, '/');
  int folder = name == NULL ? 0 : (int)(name + 1 - path);
  int length = snprintf(draft, size, "%.*s.h%ld", folder, path, (long)getpid());
  return length > 0 && (size_t)length < size;
}

int channel_listen(const char *path) {
  struct sockaddr_un address;
  int fd = address_of(path, &address);
  if (fd < 0) return fd == -1 ? -errno : fd;
  struct stat before;
  if (lstat(path, &before) == 0 && !S_ISSOCK(before.st_mode)) errno = EEXIST;
  else if (!draft_of(path, address.sun_path, sizeof address.sun_path)) errno = ENAMETOOLONG;
  else {
    unlink(address.sun_path);
    // fchmod before bind, because Linux gives the file the mode of the socket. Listen before rename, because a socket
    // that refuses would be taken for a stale one.
    if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
      if (listen(fd, CHANNEL_BACKLOG) == 0 && rename(address.sun_path, path) == 0) return fd;
      int error = errno;
      unlink(address.sun_path);
      errno = error;
    }
  }
  return failed(fd);
}

static bool credentials(int fd, struct ucred *peer) {
  socklen_t length = sizeof *peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &length) == 0;
}

int channel_peer(int fd) {
  struct ucred peer;
  return credentials(fd, &peer) ? peer.pid : 0;
}

/** Whether the other end is a process of this user, or root. */
static bool is_ours(int fd) {
  struct ucred peer;
  return credentials(fd, &peer) && (peer.uid == geteuid() || peer.uid == 0);
}

int channel_connect(const char *path) {
  struct sockaddr_un address;
  int fd = address_of(path, &address);
  if (fd < 0) return fd == -1 ? -errno : fd;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return failed(fd);
  if (is_ours(fd)) return fd;
  close(fd);
  return -EPERM;
}

int channel_accept(int fd) {
  int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (peer < 0) return -errno;
  if (is_ours(peer)) return peer;
  close(peer);
  return -EPERM;
}

enum sent channel_send(int fd, const void *bytes, size_t length, const int32_t *fds, size_t count) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
  }
  if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return WAS_SENT;
  if (errno == EMSGSIZE || errno == EBADF) return TOO_LONG;
  // All other errors, such as too many descriptors in flight or no memory, may pass.
  return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? IS_OVER : IS_FULL;
}

static void take_descriptors(struct msghdr *message, int32_t fds[CHANNEL_FDS]) {
  for (int i = 0; i < CHANNEL_FDS; i++) fds[i] = -1;
  int next = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
      if (next < CHANNEL_FDS) fds[next++] = fd;
      else close(fd);
    }
  }
}

/** Short of memory, the message stays in the queue, and whoever waits is woken for it again. */
static bool may_pass(int error) { return error == EAGAIN || error == EINTR || error == ENOMEM || error == ENOBUFS; }

ptrdiff_t channel_receive(int fd, void *bytes, size_t room, int32_t fds[CHANNEL_FDS]) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = bytes, .iov_len = room};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  // If the peer closed with something unread, Linux reports ECONNRESET first and only then delivers what it had sent.
  if (length < 0 && errno == ECONNRESET) length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return may_pass(errno) ? NOTHING_THERE : CHANNEL_OVER;
  take_descriptors(&message, fds);
  if (length > 0 && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) return length;
  for (int i = 0; i < CHANNEL_FDS; i++) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
  return length == 0 ? CHANNEL_OVER : CHANNEL_TORN;
}

/* The backends: each connection's header says what to do. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loadgen.h"

enum { TLS_HANDSHAKE = 22 };

struct peer {
	struct header header;
	uint8_t start[16]; /* of a prologue, until it tells its length */
	uint8_t started;
	size_t ahead; /* how much of the prologue is to come */
	uint64_t received, due, sent, wrong;
	bool is_listener, has_ended, wants_out;
};
static struct peer *peers; /* by descriptor */
static int peer_limit;

static void drop_peer(int fd)
{
	memset(&peers[fd], 0, sizeof peers[fd]);
	close(fd);
}

/* Sends what is due; the rest waits for EPOLLOUT. */
static void pay(int fd)
{
	struct peer *p = &peers[fd];
	for (int turns = 0; p->sent < p->due && turns < 4; turns++) {
		uint64_t left = p->due - p->sent;
		const uint8_t *bytes = stream(p->header.seed, true, p->sent);
		uint8_t spoilt = (uint8_t)~*bytes;
		bool spoil = p->wrong > 0 && p->header.kind == EXCHANGE; /* reports a wrong request to the client */
		ssize_t n = send(fd, spoil ? &spoilt : bytes, spoil ? 1 : left < CHUNK ? left : CHUNK, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return drop_peer(fd);
		p->sent += (uint64_t)n;
	}
	bool more = p->sent < p->due;
	if (p->has_ended && !more)
		return drop_peer(fd);
	if (more != p->wants_out) {
		p->wants_out = more;
		watch(EPOLL_CTL_MOD, fd, (p->has_ended ? 0 : EPOLLIN) | (more ? EPOLLOUT : 0), (uint64_t)fd);
	}
}

static void settle(int fd)
{
	struct peer *p = &peers[fd];
	p->has_ended = true;
	if (p->header.kind == PUSH) {
		struct receipt receipt = {p->received, p->wrong};
		send(fd, &receipt, sizeof receipt, MSG_NOSIGNAL);
		return drop_peer(fd);
	}
	if (p->header.kind == PULL) {
		p->due = (p->sent + PULL_UNIT - 1) / PULL_UNIT * PULL_UNIT;
		p->wants_out = false;
		watch(EPOLL_CTL_MOD, fd, 0, (uint64_t)fd);
	}
	pay(fd);
}

/*
 * A proxy may put a PROXY header in front, and a TLS client begins with a record. Returns how many of the bytes are such.
 * The header of a connection begins otherwise.
 */
static size_t skip_prologue(struct peer *p, const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	while (at < length) {
		if (p->ahead > 0) {
			size_t n = p->ahead < length - at ? p->ahead : length - at;
			p->ahead -= n;
			at += n;
			continue;
		}
		bool is_proxy = (p->started > 0 ? p->start[0] : bytes[at]) == '\r';
		if (p->started == 0 && !is_proxy && bytes[at] != TLS_HANDSHAKE)
			break;
		p->start[p->started++] = bytes[at++];
		if (p->started < (is_proxy ? 16 : 5))
			continue;
		const uint8_t *size = p->start + p->started - 2; /* both formats end their start with it, in network order */
		p->ahead = (size_t)size[0] << 8 | size[1];
		p->started = 0;
	}
	return at;
}

static void take(int fd)
{
	struct peer *p = &peers[fd];
	bool blind = p->received >= HEADER && !p->header.verify; /* the kernel discards the bytes uncopied */
	ssize_t n = recv(fd, inbox, CHUNK, blind ? MSG_TRUNC : 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		return drop_peer(fd);
	if (n == 0)
		return settle(fd);
	const uint8_t *bytes = inbox;
	if (p->received == 0) {
		size_t skipped = skip_prologue(p, inbox, (size_t)n);
		bytes += skipped;
		n -= (ssize_t)skipped;
		if (n == 0)
			return;
	}
	size_t head = 0;
	if (p->received < HEADER) {
		head = HEADER - p->received < (size_t)n ? HEADER - p->received : (size_t)n;
		memcpy((uint8_t *)&p->header + p->received, bytes, head);
		if (p->received + head == HEADER && (p->header.magic != MAGIC || p->header.request == 0))
			return drop_peer(fd);
	}
	if (!blind && p->received + head >= HEADER)
		p->wrong += differing(bytes + head, (size_t)n - head, p->header.seed, false, p->received + head);
	p->received += (uint64_t)n;
	if (p->received < HEADER)
		return;
	if (p->header.kind == EXCHANGE)
		p->due = p->received / p->header.request * p->header.answer;
	if (p->header.kind == PULL)
		p->due = UINT64_MAX;
	if (p->due > p->sent)
		pay(fd);
}

static void welcome(int listener)
{
	for (int i = 0; i < 64; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= peer_limit) {
			close(fd);
			continue;
		}
		watch(EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)fd);
	}
}

void serve(int descriptors)
{
	peer_limit = descriptors;
	peers = calloc((size_t)peer_limit, sizeof *peers);
	if (!peers)
		die("no memory");
	for (int i = 0; i < wanted.port_count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
		struct sockaddr_in address = loopback(1, wanted.ports[i]);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
		if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
			die("port %d: %s", wanted.ports[i], strerror(errno));
		peers[fd].is_listener = true;
		watch(EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)fd);
	}
	watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, STDIN_FILENO);
	puts("{\"event\":\"ready\"}");
	struct epoll_event events[BATCH];
	for (;;) {
		int count = epoll_wait(loop, events, BATCH, -1);
		for (int i = 0; i < count; i++) {
			int fd = (int)events[i].data.u64;
			if (fd == STDIN_FILENO)
				return;
			if (peers[fd].is_listener)
				welcome(fd);
			else if (events[i].events & ~(uint32_t)EPOLLOUT && !peers[fd].has_ended)
				take(fd);
			else
				pay(fd);
		}
	}
}

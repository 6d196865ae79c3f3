#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loadgen.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { PATIENCE_MS = 5000, TICK_MS = 100 };

struct slot *slots;
int busy;
uint64_t finish_us, last_us;
bool reopens, stdin_ended;
void (*on_event)(struct slot *, uint32_t events);

static int connect_next(void)
{
	static unsigned turn;
	/* The next client of the benchmark continues somewhere else among many addresses. */
	if (turn == 0)
		turn = (unsigned)(now_us() >> 10);
	struct sockaddr_in to = loopback(1, wanted.ports[turn % (unsigned)wanted.port_count]);
	/* Use many source addresses: a single one would run out of ports because of TIME_WAIT. */
	struct sockaddr_in from = loopback(2 + (int)(turn % wanted.sources), 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	turn++;
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
	    (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS))
		return fd;
	close(fd);
	return -1;
}

void set_phase(struct slot *s, enum phase phase)
{
	busy += (phase == BUSY || phase == ENDING) - (s->phase == BUSY || s->phase == ENDING);
	s->phase = phase;
}

void close_slot(struct slot *s)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	if (wanted.reset)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(s->fd);
	set_phase(s, CLOSED);
}

void fail(struct slot *s, enum failure failure)
{
	failures[failure]++;
	close_slot(s);
}

void fail_by_errno(struct slot *s)
{
	fail(s, errno == ECONNREFUSED || errno == EADDRNOTAVAIL ? CONNECT : errno == ETIMEDOUT ? TIMEOUT : RESET);
}

bool send_due(struct slot *s, int chunks)
{
	while (s->sent < s->due && chunks-- > 0) {
		struct iovec parts[3];
		size_t count = 0, ahead = wanted.prologue_length - s->ahead;
		if (ahead > 0)
			parts[count++] = (struct iovec){wanted.prologue + s->ahead, ahead};
		size_t head = s->sent < HEADER ? HEADER - s->sent : 0;
		uint64_t left = s->due - s->sent - head;
		if (head > 0)
			parts[count++] = (struct iovec){(uint8_t *)&s->header + s->sent, head};
		if (left > 0) {
			const uint8_t *bytes = stream(s->header.seed, false, s->sent + head);
			parts[count++] = (struct iovec){(void *)(uintptr_t)bytes, left < CHUNK ? left : CHUNK};
		}
		struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
		ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			fail_by_errno(s);
			return false;
		}
		size_t of_prologue = (size_t)n < ahead ? (size_t)n : ahead;
		s->ahead += of_prologue;
		s->sent += (uint64_t)n - of_prologue;
	}
	return true;
}

void open_slot(struct slot *s, enum kind kind)
{
	static uint32_t seed;
	uint64_t before_us = now_us();
	int fd = connect_next();
	if (fd < 0) {
		failures[CONNECT]++;
		return;
	}
	*s = (struct slot){.fd = fd, .since_us = before_us};
	s->header = (struct header){
	    .magic = MAGIC,
	    .kind = (uint8_t)kind,
	    .verify = kind == EXCHANGE || wanted.verify,
	    .seed = ++seed,
	    .request = wanted.request,
	    .answer = wanted.answer,
	};
	s->due = kind == EXCHANGE ? wanted.request : kind == PUSH ? UINT64_MAX : HEADER;
	s->expected = wanted.answer;
	set_phase(s, BUSY);
	watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | (kind == EXCHANGE ? EPOLLET : 0), (uint64_t)(s - slots));
	send_due(s, 1); /* over loopback it is connected by now */
}

void turn(void)
{
	static uint64_t next_tick_us;
	struct epoll_event events[BATCH];
	int count = epoll_wait(loop, events, BATCH, TICK_MS);
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == UINT64_MAX)
			stdin_ended = true;
		else if (slots[events[i].data.u64].phase != CLOSED)
			on_event(&slots[events[i].data.u64], events[i].events);
	}
	uint64_t now = now_us();
	if (now < next_tick_us)
		return;
	next_tick_us = now + TICK_MS * 1000;
	for (struct slot *s = slots; s < slots + wanted.connections; s++) {
		if ((s->phase == BUSY || s->phase == ENDING) && now > s->since_us + PATIENCE_MS * 1000)
			fail(s, TIMEOUT);
		if (s->phase == CLOSED && reopens && now < finish_us)
			open_slot(s, EXCHANGE);
	}
}

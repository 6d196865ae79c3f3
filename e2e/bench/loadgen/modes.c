#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadgen.h"

enum { LAUNCH = 64 /* connections that hold opens at a time */ };

/* Starts another exchange on an open connection. */
static void ask_again(struct slot *s)
{
	s->since_us = now_us();
	s->due += wanted.request;
	s->expected += wanted.answer;
	set_phase(s, BUSY);
	send_due(s, 2);
}

static void exchange_done(struct slot *s)
{
	last_us = now_us();
	note_latency(last_us - s->since_us);
	done++;
	bytes_done += wanted.request + wanted.answer;
	bool again = last_us < finish_us;
	if (finish_us == 0)
		set_phase(s, RESTING);
	else if (again && strcmp(wanted.mode, "rr") == 0)
		ask_again(s);
	else
		close_slot(s);
	if (again && s->phase == CLOSED)
		open_slot(s, EXCHANGE);
}

/*
 * Edge-triggered: epoll reports again when an incomplete read or write can continue. One read takes everything, because
 * no answer is longer than the buffer.
 */
static void on_exchange(struct slot *s, uint32_t events)
{
	if (!send_due(s, 64) || !(events & ~(uint32_t)EPOLLOUT))
		return;
	ssize_t n = recv(s->fd, inbox, CHUNK, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		return fail_by_errno(s);
	if (n == 0)
		return fail(s, END);
	wrong_bytes += differing(inbox, (size_t)n, s->header.seed, true, s->received);
	s->received += (uint64_t)n;
	if (s->received > s->expected) {
		wrong_bytes += s->received - s->expected;
		return fail(s, END);
	}
	if (s->received == s->expected && s->phase == BUSY)
		exchange_done(s);
}

static void stream_done(struct slot *s)
{
	bool is_push = s->header.kind == PUSH;
	uint64_t arrived = is_push ? s->receipt.received : s->received;
	if (s->phase != ENDING || (is_push ? s->received != sizeof s->receipt : s->received % PULL_UNIT != 0))
		return fail(s, END);
	if (is_push)
		wrong_bytes += s->receipt.wrong + (s->sent > arrived ? s->sent - arrived : arrived - s->sent);
	last_us = now_us();
	bytes_done += arrived;
	done++;
	close_slot(s);
}

static void on_stream(struct slot *s, uint32_t events)
{
	bool is_push = s->header.kind == PUSH;
	s->since_us = now_us();
	if (events & EPOLLOUT && s->phase == BUSY) {
		if (!send_due(s, 1))
			return;
		if (s->sent == s->due)
			watch(EPOLL_CTL_MOD, s->fd, EPOLLIN, (uint64_t)(s - slots));
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	ssize_t n;
	if (is_push && s->received < sizeof s->receipt)
		n = recv(s->fd, (uint8_t *)&s->receipt + s->received, sizeof s->receipt - s->received, 0);
	else /* without -v the kernel discards the bytes uncopied */
		n = recv(s->fd, inbox, CHUNK, wanted.verify ? 0 : MSG_TRUNC);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		return fail_by_errno(s);
	if (n == 0)
		return stream_done(s);
	if (!is_push && wanted.verify)
		wrong_bytes += differing(inbox, (size_t)n, s->header.seed, true, s->received);
	s->received += (uint64_t)n;
}

void run_exchanges(void)
{
	on_event = on_exchange;
	reopens = true;
	for (int i = 0; i < wanted.connections; i++)
		open_slot(&slots[i], EXCHANGE);
	while (busy > 0 || now_us() < finish_us)
		turn();
}

void run_streams(void)
{
	on_event = on_stream;
	for (int i = 0; i < wanted.connections; i++) {
		bool pulls = strcmp(wanted.direction, "pull") == 0 || (strcmp(wanted.direction, "both") == 0 && i % 2 == 1);
		open_slot(&slots[i], pulls ? PULL : PUSH);
	}
	while (busy > 0 && now_us() < finish_us)
		turn();
	for (int i = 0; i < wanted.connections; i++) {
		if (slots[i].phase != BUSY)
			continue;
		set_phase(&slots[i], ENDING);
		shutdown(slots[i].fd, SHUT_WR);
		watch(EPOLL_CTL_MOD, slots[i].fd, EPOLLIN, (uint64_t)i);
	}
	while (busy > 0)
		turn();
}

void run_hold(void)
{
	on_event = on_exchange;
	finish_us = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (int next = 0; next < wanted.connections || busy > 0; turn()) {
			for (; next < wanted.connections && busy < LAUNCH; next++) {
				if (pass == 0)
					open_slot(&slots[next], EXCHANGE);
				else if (slots[next].phase == RESTING)
					ask_again(&slots[next]);
			}
		}
		if (pass > 0)
			break;
		puts("{\"event\":\"ready\"}");
		watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, UINT64_MAX);
		while (!stdin_ended)
			turn();
		watch(EPOLL_CTL_DEL, STDIN_FILENO, 0, 0);
	}
}

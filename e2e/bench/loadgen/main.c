#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loadgen.h"

struct options wanted = {.direction = "push", .connections = 64, .sources = 32, .request = 64, .answer = 64, .seconds = 1};
int loop;

void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("loadgen: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void watch(int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	if (epoll_ctl(loop, operation, fd, &event) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

struct sockaddr_in loopback(int host, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)host);
	return address;
}

static void read_ports(char *list)
{
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		int port = atoi(word);
		if (port < 1 || port > 65535 || wanted.port_count == MAX_PORTS)
			die("%s: not a port, or one of more than %d", word, MAX_PORTS);
		wanted.ports[wanted.port_count++] = port;
	}
}

static void read_prologue(const char *name)
{
	FILE *file = fopen(name, "rb");
	if (!file)
		die("%s: %s", name, strerror(errno));
	wanted.prologue_length = fread(wanted.prologue, 1, sizeof wanted.prologue, file);
	fclose(file);
}

static void read_options(int argc, char **argv)
{
	for (int option; (option = getopt(argc, argv, "c:n:m:t:d:s:p:rv")) != -1;) {
		switch (option) {
		case 'c': wanted.connections = atoi(optarg); break;
		case 'n': wanted.request = (uint32_t)atoi(optarg); break;
		case 'm': wanted.answer = (uint32_t)atoi(optarg); break;
		case 't': wanted.seconds = atof(optarg); break;
		case 'd': wanted.direction = optarg; break;
		case 's': wanted.sources = (unsigned)atoi(optarg); break;
		case 'p': read_prologue(optarg); break;
		case 'r': wanted.reset = true; break;
		case 'v': wanted.verify = true; break;
		default: exit(2);
		}
	}
	bool sizes_fit = wanted.request >= HEADER && wanted.request <= CHUNK && wanted.answer >= 1 && wanted.answer <= CHUNK;
	if (wanted.sources < 1 || wanted.sources > 1000000)
		die("out of range: -s 1..1000000");
	if (wanted.connections < 1 || wanted.seconds <= 0 || !sizes_fit)
		die("out of range: -c 1.., -t above 0, -n %d..%d, -m 1..%d", HEADER, CHUNK, CHUNK);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		die("usage: loadgen server|conn|rr|stream|hold PORTS [options], see the head of loadgen.h");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the benchmark */
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	fill_block();
	loop = epoll_create1(EPOLL_CLOEXEC);
	wanted.mode = argv[1];
	read_ports(argv[2]);
	read_options(argc - 2, argv + 2);
	if (strcmp(wanted.mode, "server") == 0) {
		serve(files.rlim_cur < 100000 ? (int)files.rlim_cur : 100000);
		return 0;
	}
	slots = calloc((size_t)wanted.connections, sizeof *slots);
	if (!slots)
		die("no memory");
	uint64_t start_us = last_us = now_us();
	finish_us = start_us + (uint64_t)(wanted.seconds * 1e6);
	if (strcmp(wanted.mode, "conn") == 0 || strcmp(wanted.mode, "rr") == 0)
		run_exchanges();
	else if (strcmp(wanted.mode, "stream") == 0)
		run_streams();
	else if (strcmp(wanted.mode, "hold") == 0)
		run_hold();
	else
		die("%s: unknown mode", wanted.mode);
	report((double)(last_us - start_us) / 1e6);
	return 0;
}

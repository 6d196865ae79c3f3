#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "loadgen.h"

static const char *const failure_names[FAILURES] = {"connect", "reset", "end", "timeout"};
uint64_t failures[FAILURES], wrong_bytes, done, bytes_done;

/* Latency histogram: 64 steps per power of two of microseconds, accurate to 1.6 %. */
enum { STEPS = 64, STEP_BITS = 6 };
static uint64_t histogram[40 * STEPS], latencies;

void note_latency(uint64_t us)
{
	unsigned octave = us < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(us) - STEP_BITS + 1;
	uint64_t step = octave == 0 ? us : (us >> (octave - 1)) - STEPS;
	histogram[octave * STEPS + step]++;
	latencies++;
}

static double percentile(double share)
{
	uint64_t seen = 0, rank = (uint64_t)(share * (double)latencies);
	for (unsigned i = 0; i < 40 * STEPS; i++) {
		seen += histogram[i];
		if (seen <= rank)
			continue;
		unsigned octave = i / STEPS;
		uint64_t step = i % STEPS;
		return octave == 0 ? (double)step : ((double)(STEPS + step) + 0.5) * (double)(UINT64_C(1) << (octave - 1));
	}
	return 0;
}

void report(double seconds)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	printf("{\"event\":\"result\",\"seconds\":%.4f,\"done\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"wrong_bytes\":%" PRIu64
	       ",\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_s\":%.4f,\"failures\":{",
	       seconds, done, bytes_done, wrong_bytes, percentile(.50), percentile(.99), cpu);
	for (int i = 0; i < FAILURES; i++)
		printf("%s\"%s\":%" PRIu64, i == 0 ? "" : ",", failure_names[i], failures[i]);
	puts("}}");
}

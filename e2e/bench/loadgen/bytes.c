#include <string.h>

#include "loadgen.h"

enum { BLOCK = 999983 /* a prime, so that a shift by a power of two shows */ };

uint8_t inbox[CHUNK];
static uint8_t block[BLOCK + CHUNK]; /* the head is repeated at the end, so that a chunk never wraps */

void fill_block(void)
{
	uint64_t state = 42;
	for (size_t i = 0; i < sizeof block; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		block[i] = i < BLOCK ? (uint8_t)(state >> 56) : block[i - BLOCK];
	}
}

const uint8_t *stream(uint32_t seed, bool answer, uint64_t at)
{
	return block + (seed * UINT64_C(7919) + (answer ? BLOCK / 2 : 0) + at) % BLOCK;
}

uint64_t differing(const uint8_t *bytes, size_t length, uint32_t seed, bool answer, uint64_t at)
{
	const uint8_t *right = stream(seed, answer, at);
	if (memcmp(bytes, right, length) == 0)
		return 0;
	uint64_t wrong = 0;
	for (size_t i = 0; i < length; i++)
		wrong += bytes[i] != right[i];
	return wrong;
}

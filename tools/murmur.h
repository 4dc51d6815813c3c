/* SPDX-License-Identifier: GPL-2.0 */
/* MurmurHash3, 32 bits: what Tracee makes the ids of tasks with. */
#ifndef TOOLS_MURMUR_H
#define TOOLS_MURMUR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t murmur_rotate(uint32_t value, unsigned int bits)
{
	return value << bits | value >> (32 - bits);
}

static inline uint32_t murmur_mix(uint32_t block)
{
	return murmur_rotate(block * 0xcc9e2d51, 15) * 0x1b873593;
}

static inline uint32_t murmur3(const void *data, size_t size, uint32_t seed)
{
	const uint8_t *byte = data;
	uint32_t hash = seed;
	uint32_t block;
	size_t i;

	for (i = 0; i + 4 <= size; i += 4) {
		block = byte[i] | byte[i + 1] << 8 | byte[i + 2] << 16;
		block |= (uint32_t)byte[i + 3] << 24;
		hash = murmur_rotate(hash ^ murmur_mix(block), 13) * 5 + 0xe6546b64;
	}
	block = 0;
	for (; i < size; i++)
		block |= (uint32_t)byte[i] << 8 * (i & 3);
	hash ^= murmur_mix(block) ^ (uint32_t)size;
	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return hash ^ hash >> 16;
}

#endif

// SPDX-License-Identifier: GPL-2.0
/* CRC-32C (Castagnoli): the polynomial 0x1edc6f41, its bits reversed. */
#include <string.h>

#include "crc32c.h"

#define POLYNOMIAL 0x82f63b78

static uint32_t table[256];

static void fill_table(void)
{
	uint32_t i, bit, crc;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
}

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *byte = data;

	if (!table[1])
		fill_table();
	crc = ~crc;
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2")))
static uint32_t crc32c_by_processor(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *byte = data;
	uint64_t sum = (uint32_t)~crc;
	uint64_t word;

	for (; size >= sizeof(word); size -= sizeof(word), byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	while (size--)
		sum = __builtin_ia32_crc32qi(sum, *byte++);
	return ~(uint32_t)sum;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_by_processor(crc, data, size);
#endif
	return crc32c_by_table(crc, data, size);
}

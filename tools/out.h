/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output by the million lines: written into memory first, by functions that take the
 * place to write to and give the place behind it.
 */
#ifndef TOOLS_OUT_H
#define TOOLS_OUT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define OUT_SIZE	(256 << 10)

struct out {
	FILE	*file;
	size_t	used;
	char	buf[OUT_SIZE];
};

void out_flush(struct out *out);

/* Where so many bytes may be written, OUT_SIZE at most. */
static inline char *out_room(struct out *out, size_t size)
{
	if (OUT_SIZE - out->used < size)
		out_flush(out);
	return out->buf + out->used;
}

static inline void out_wrote(struct out *out, const char *end)
{
	out->used = end - out->buf;
}

static inline char *put_bytes(char *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

static inline char *put_text(char *to, const char *text)
{
	return put_bytes(to, text, strlen(text));
}

extern const char out_pairs[100][2];	/* 00 01 02 ... 99 */

static inline unsigned int out_digits(uint64_t value)
{
	unsigned int digits = 1;

	for (; value >= 10000; value /= 10000)
		digits += 4;
	return digits + (value >= 10) + (value >= 100) + (value >= 1000);
}

static inline char *put_u64(char *to, uint64_t value)
{
	char *end = to + out_digits(value);
	char *p = end;

	for (; value >= 100; value /= 100) {
		p -= 2;
		memcpy(p, out_pairs[value % 100], 2);
	}
	if (value >= 10)
		memcpy(to, out_pairs[value], 2);
	else
		*to = '0' + value;
	return end;
}

static inline char *put_s64(char *to, int64_t value)
{
	if (value >= 0)
		return put_u64(to, value);
	*to++ = '-';
	return put_u64(to, 0 - (uint64_t)value);
}

/* All nine digits of what is below a second. */
static inline char *put_nine(char *to, uint32_t ns)
{
	int i;

	for (i = 7; i > 0; i -= 2) {
		memcpy(to + i, out_pairs[ns % 100], 2);
		ns /= 100;
	}
	*to = '0' + ns;
	return to + 9;
}

static inline char *put_hex(char *to, uint64_t value)
{
	unsigned int digits = value ? (67 - __builtin_clzll(value)) / 4 : 1;
	unsigned int i;

	to = put_bytes(to, "0x", 2);
	for (i = digits; i > 0; i--) {
		to[i - 1] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
	return to + digits;
}

#endif

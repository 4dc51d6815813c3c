/* SPDX-License-Identifier: GPL-2.0 */
/*
 * random.h: numbers that a seed repeats (xorshift64*).
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;		/* not 0 */
};

static inline uint64_t next(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state * 0x2545f4914f6cdd1d >> 16;
}

static inline unsigned long below(struct random *random, unsigned long n)
{
	return next(random) % n;
}

static inline bool one_in(struct random *random, unsigned long n)
{
	return !below(random, n);
}

#define pick(random, array) ((array)[below(random, sizeof(array) / sizeof((array)[0]))])

#endif /* RANDOM_H */

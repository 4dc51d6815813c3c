/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pattern.h: calls that describe themselves.
 *
 * Everything about a call follows from its address, and the address names the
 * thread and the number of the call. A reader that sees an address knows what
 * the rest of the record must be; bytes of two records mixed up cannot agree.
 * Nothing is mapped there, so every call fails with ENOMEM and is cheap.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

#define PATTERN_BASE		0x100000000000UL
#define PATTERN_THREAD_SHIFT	40
#define PATTERN_MAX_THREADS	16
#define PATTERN_MAX_CALLS	(1UL << (PATTERN_THREAD_SHIFT - 12))

/* The last call of a workload, made when all others have returned. */
#define PATTERN_MARK		(PATTERN_BASE + (0x20UL << PATTERN_THREAD_SHIFT))

enum pattern_name {
	PATTERN_MLOCK2,
	PATTERN_MLOCK,
	PATTERN_MUNLOCK,
};

struct pattern {
	enum pattern_name	call;
	unsigned long		addr;
	unsigned long		len;
	unsigned int		flags;
};

static inline unsigned long pattern_mix(unsigned long x)
{
	x += 0x9e3779b97f4a7c15UL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}

static inline struct pattern pattern_make(unsigned int thread, unsigned long n)
{
	struct pattern p;
	unsigned long h;

	p.addr = PATTERN_BASE + ((unsigned long)thread << PATTERN_THREAD_SHIFT) + (n << 12);
	h = pattern_mix(p.addr);
	p.call = h % 3;
	h >>= 8;
	p.len = ((h & 0xff) + 1) << 12;
	h >>= 8;
	if (!(h & 3)) {
		p.addr += (h >> 2) & 0xfff;
		p.len -= (h >> 14) & 0xfff;
	}
	h >>= 32;
	p.flags = p.call == PATTERN_MLOCK2 ? h & 1 : 0;
	return p;
}

static inline bool pattern_owns(unsigned long addr)
{
	return addr >= PATTERN_BASE &&
	       addr < PATTERN_BASE + ((unsigned long)PATTERN_MAX_THREADS << PATTERN_THREAD_SHIFT);
}

static inline unsigned int pattern_thread(unsigned long addr)
{
	return (addr - PATTERN_BASE) >> PATTERN_THREAD_SHIFT;
}

static inline unsigned long pattern_number(unsigned long addr)
{
	return (addr >> 12) & (PATTERN_MAX_CALLS - 1);
}

#endif /* PATTERN_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ticks.h: the clock of the processor. Its ticks are as long as the machine likes; in a guest of
 * amd64 under --icount each is an instruction.
 */
#ifndef TICKS_H
#define TICKS_H

#ifdef __x86_64__
#include <x86intrin.h>

static inline unsigned long ticks_now(void)
{
	return __rdtsc();
}
#else
static inline unsigned long ticks_now(void)
{
	unsigned long ticks;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (ticks) : : "memory");
	return ticks;
}
#endif

#endif /* TICKS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Clocks, in nanoseconds. */
#ifndef TOOLS_CLOCK_H
#define TOOLS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_TRIES	16	/* of a look at two clocks at once */

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/*
 * CLOCK_REALTIME less CLOCK_BOOTTIME, which is the time of the boot. The closest of some
 * looks counts: one may have been interrupted between the clocks.
 */
static inline int64_t clock_boot_ns(void)
{
	int64_t best = INT64_MAX, boot = 0;
	int i;

	for (i = 0; i < CLOCK_TRIES; i++) {
		int64_t before = clock_ns(CLOCK_BOOTTIME);
		int64_t real = clock_ns(CLOCK_REALTIME);
		int64_t gap = clock_ns(CLOCK_BOOTTIME) - before;

		if (gap >= best)
			continue;
		best = gap;
		boot = real - (before + gap / 2);
	}
	return boot;
}

#endif

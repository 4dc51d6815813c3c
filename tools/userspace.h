/* SPDX-License-Identifier: GPL-2.0 */
/* What format.c takes from the kernel, for user space. */
#ifndef TOOLS_USERSPACE_H
#define TOOLS_USERSPACE_H

#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif
#define NSEC_PER_SEC		1000000000L

/* Asked for once; any number of threads may do so at the same time. */
static inline __u8 mlmon_page_shift(void)
{
	static __u8 known;
	__u8 shift = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!shift) {
		shift = __builtin_ctzl(sysconf(_SC_PAGESIZE));
		__atomic_store_n(&known, shift, __ATOMIC_RELAXED);
	}
	return shift;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What format.c takes from the kernel, for user space. */
#ifndef TOOLS_USERSPACE_H
#define TOOLS_USERSPACE_H

#include <errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
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

static inline __u64 div_u64_rem(__u64 dividend, __u32 divisor, __u32 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

/* The characters written, not those there was no room for. */
__attribute__((format(printf, 3, 4)))
static inline int scnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;

	if (!size)
		return 0;
	va_start(args, format);
	n = vsnprintf(buf, size, format, args);
	va_end(args);
	return n < size ? n : size - 1;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text: the names of things, and the line of a record. The same source serves
 * the device and readers of binary records, so that both write the same lines.
 */
#ifndef MLMON_FORMAT_H
#define MLMON_FORMAT_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include "tools/userspace.h"
#endif
#include "mlock2mon.h"

/* Every byte of a comm as \xNN, and the NUL. */
#define MLMON_COMM_TEXT		(4 * MLOCK2MON_COMM_LEN + 1)
/* Longest text of flags, with the NUL. */
#define MLMON_FLAGS_TEXT	192
/* Longest line of the device, with the NUL, see mlmon_format_record(). */
#define MLMON_LINE_MAX		1024

const char *mlmon_call_name(unsigned int call);
const char *mlmon_why_name(unsigned int why);
const char *mlmon_errno_name(int error);
size_t mlmon_format_comm(char *buf, const char *comm, bool escape_space);
size_t mlmon_format_flags(char *buf, size_t size, unsigned int call, __u32 flags);
bool mlmon_page_range(const struct mlock2mon_record *rec, __u64 *addr, __u64 *len);
size_t mlmon_format_record(char *buf, size_t size, const struct mlock2mon_record *rec);

#ifdef __KERNEL__
static inline __u8 mlmon_page_shift(void)
{
	return PAGE_SHIFT;
}
#endif

#endif /* MLMON_FORMAT_H */

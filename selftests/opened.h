/* SPDX-License-Identifier: GPL-2.0 */
/*
 * opened.h: for programs that hold /dev/mlock2mon to its promises.
 */
#ifndef OPENED_H
#define OPENED_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libc.h"
#include "mlock2mon.h"
#include "promise.h"

static inline int open_device(int flags)
{
	int fd = open(MLOCK2MON_DEVICE, O_RDONLY | flags);

	need(fd != -1, "open " MLOCK2MON_DEVICE);
	return fd;
}

/* Did a call that returned @ret fail, with @error? */
static inline bool fails(long ret, int error)
{
	int got = errno;

	if (ret == -1 && got == error)
		return true;
	note("returned %ld, %s, not %s", ret, ret == -1 ? strerrorname_np(got) : "no error",
	     strerrorname_np(error));
	return false;
}

static inline bool equal(long long got, long long want)
{
	if (got != want)
		note("%lld, not %lld", got, want);
	return got == want;
}

#endif /* OPENED_H */

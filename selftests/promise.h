/* SPDX-License-Identifier: GPL-2.0 */
/*
 * promise.h: what a helper program says about a promise of the module.
 *
 * One line a promise, `ok - text` or `not ok - text`, without a number: the
 * test that runs the program counts. An unmet need of the program itself ends
 * it with status 2, so that it is not taken for a broken promise.
 */
#ifndef PROMISE_H
#define PROMISE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3)))
static inline bool promise(bool kept, const char *fmt, ...)
{
	va_list ap;

	printf("%s - ", kept ? "ok" : "not ok");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return kept;
}

__attribute__((format(printf, 1, 2)))
static inline void note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static inline void need(bool have, const char *what)
{
	if (have)
		return;
	fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
	exit(2);
}

#endif /* PROMISE_H */

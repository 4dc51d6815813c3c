// SPDX-License-Identifier: GPL-2.0
/* How far something is that takes longer than a second: a line on the terminal. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define NS_PER_S	1000000000LL

/* Where the output itself is seen there is nothing more to tell. */
void progress_begin(struct progress *progress)
{
	*progress = (struct progress){ 0 };
	progress->wanted = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	progress->next_ns = clock_ns(CLOCK_MONOTONIC) + NS_PER_S;
}

/* Once a second. */
bool progress_due(struct progress *progress)
{
	int64_t now;

	if (!progress->wanted)
		return false;
	now = clock_ns(CLOCK_MONOTONIC);
	if (now < progress->next_ns)
		return false;
	progress->next_ns = now + NS_PER_S;
	return true;
}

/* Takes the place of the line before. */
void progress_show(struct progress *progress, const char *format, ...)
{
	va_list args;

	fputs("\r\033[Kmlock2mon: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	progress->shown = true;
}

/* Takes the line away. */
void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

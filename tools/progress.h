/* SPDX-License-Identifier: GPL-2.0 */
/* How far something is that takes longer than a second: a line on the terminal. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool		wanted;
	bool		shown;
	int64_t		next_ns;	/* CLOCK_MONOTONIC, of the next line */
};

void progress_begin(struct progress *progress);
bool progress_due(struct progress *progress);
__attribute__((format(printf, 2, 3)))
void progress_show(struct progress *progress, const char *format, ...);
void progress_end(struct progress *progress);

#endif

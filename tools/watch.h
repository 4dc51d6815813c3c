/* SPDX-License-Identifier: GPL-2.0 */
/* A command is run, and what it and its children lock is gathered. */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "family.h"
#include "story.h"

struct call_sum {
	uint64_t	calls;
	uint64_t	failures;
	uint64_t	total_ns;
	uint64_t	max_ns;
	uint64_t	bytes;
};

struct watch {
	char *const		*command;
	pid_t			pid;
	int			status;		/* as of waitpid() */
	uint64_t		took_ns;
	bool			related;	/* the module watches related calls */
	struct family		family;
	struct stories		stories;
	struct call_sum		call[MLOCK2MON_NR_CALLS];
};

int watch_command(struct watch *w, const char *device, char *const *command);
int watch_exit_status(const struct watch *w);
void watch_free(struct watch *w);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The processes behind the rows of /proc/mlock2mon/tasks. */
#ifndef TOOLS_PROCESSES_H
#define TOOLS_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct process {
	uint64_t	pid;
	uint64_t	tid;		/* of the task that gave the names */
	uint64_t	uid;
	uint64_t	cgroup;
	uint64_t	tasks;		/* that have a row */
	uint64_t	locked_kb;
	bool		locked_known;	/* false: its memory is gone already */
	uint64_t	peak_kb;
	bool		onfault;
	uint64_t	calls;
	uint64_t	failures;
	uint64_t	bytes;
	uint64_t	total_ns;
	uint64_t	max_ns;
	uint64_t	first_ns;
	uint64_t	last_ns;
	uint64_t	error_ns;	/* last call of the task that gave @error */
	char		*comm;		/* escaped */
	char		*error;		/* errno name, or 0 */
};

/* Most locked memory first. */
struct processes {
	struct process	*process;
	size_t		nr;
};

bool processes_read(struct processes *all, FILE *in);
void processes_free(struct processes *all);

void processes_json(FILE *out, const struct processes *all);

#endif

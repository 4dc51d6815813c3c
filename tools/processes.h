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
	uint64_t	processes;	/* that a group has, else 1 */
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

/* What one row is of. */
enum grouping {
	BY_PROCESS,
	BY_TASK,
	BY_USER,
	BY_CGROUP,
	BY_COMMAND,
};

/* Most locked memory first, unless they are sorted anew. */
struct processes {
	struct process	*process;
	size_t		nr;
};

bool processes_read(struct processes *all, FILE *in);
void processes_free(struct processes *all);

bool processes_read_by(struct processes *all, FILE *in, enum grouping by);
bool processes_grouping(const char *name, enum grouping *by);
const char *processes_grouping_name(enum grouping by);
bool processes_sort(struct processes *all, const char *key);

void processes_row_name(FILE *out, const struct process *p, enum grouping by);
void processes_row_json(FILE *out, const struct process *p, enum grouping by);
void processes_json(FILE *out, const struct processes *all, enum grouping by);

#endif

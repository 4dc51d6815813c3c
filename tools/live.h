/* SPDX-License-Identifier: GPL-2.0 */
/* What the module counts, looked at again and again: how fast it grows, process by process. */
#ifndef TOOLS_LIVE_H
#define TOOLS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "processes.h"

#define LIVE_NO_LIMIT	UINT64_MAX

struct live_row {
	const struct process	*process;
	double			calls;		/* a second, since the look before */
	double			failures;	/* likewise */
	uint64_t		in_flight;	/* calls in the kernel now */
	uint64_t		headroom_kb;	/* left below RLIMIT_MEMLOCK, or LIVE_NO_LIMIT */
	bool			headroom_known;
};

/* All calls of all processes, those that have ended included. */
struct live_sum {
	uint64_t	locked_kb;
	uint64_t	calls;
	uint64_t	failures;
	uint64_t	in_flight;
	uint64_t	missed;
	uint64_t	lost;
};

struct live {
	const char		*dir;		/* of stats, tasks and inflight */
	const char		*proc;		/* where processes are */
	int64_t			ns;		/* when it was looked, CLOCK_MONOTONIC; 0: never */
	double			seconds;	/* since the look before; 0: there was none */
	uint64_t		load_id;
	struct live_sum		sum;
	struct live_sum		before;
	struct processes	processes;
	struct live_row		*row;		/* one for each of them */
	char			wrong[128];	/* why the last look failed, or empty */
};

enum live_order {
	LIVE_BY_LOCKED,
	LIVE_BY_CALLS,
	LIVE_BY_FAILURES,
	LIVE_BY_HEADROOM,
	LIVE_BY_FLIGHT,
	LIVE_BY_PID,
	LIVE_NR_ORDERS
};

bool live_look(struct live *live, int64_t ns);
void live_free(struct live *live);

bool live_order(const char *name, enum live_order *by);
const char *live_order_name(enum live_order by);
void live_sort(struct live *live, enum live_order by);

#endif

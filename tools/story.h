/* SPDX-License-Identifier: GPL-2.0 */
/* What the records tell of each process, kept as what an explanation needs. */
#ifndef TOOLS_STORY_H
#define TOOLS_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts.h"
#include "mlock2mon.h"

#define STORY_TROUBLES	16	/* kinds of results of a process that are told apart */
#define STORY_REFUSED	64	/* ranges that are told apart when the need is reckoned */
#define STORY_PLACES	1024	/* a power of two */
#define STORY_MOST	4096	/* processes that are remembered */
#define STORY_HOLDERS	3	/* locks that are named as holding the budget */

/* Results of one kind: of a call that failed so, or succeeded and did nothing. */
struct trouble {
	uint64_t		times;
	uint64_t		half_bytes;	/* that failures left locked */
	bool			under_future;	/* mlockall(MCL_FUTURE) was in force */
	struct mlock2mon_record	rec;		/* the first of them */
};

struct refused {
	uint64_t	addr;
	uint64_t	len;
};

struct story {
	uint32_t		pid;
	uint64_t		start_ns;	/* of the process; a pid may come again */
	struct mlock2mon_record	last;		/* names, owner and place are those of the last */
	uint64_t		latest;		/* number of that among all that were added */
	uint64_t		failed_at;	/* of its last failure; 0: none */
	uint64_t		calls;
	uint64_t		failures;
	uint64_t		total_ns;
	uint64_t		peak;		/* bytes */
	bool			future;		/* MCL_FUTURE is in force */
	bool			future_once;
	bool			onfault;
	bool			mlockall;	/* was refused once: all mappings count */
	bool			gone;

	struct trouble		trouble[STORY_TROUBLES];
	size_t			nr_troubles;
	uint64_t		other_troubles;	/* there was no room for */

	struct mlock2mon_record	holder[STORY_HOLDERS];	/* that locked most, most first */
	size_t			nr_holders;
	struct mlock2mon_record	slowest;	/* success that locked memory; call LOST: none */
	struct mlock2mon_record	waited;		/* one that locked nothing, likewise */

	uint64_t		reach;		/* limit that a refused call would have needed */
	uint64_t		wanted;		/* refused, each range once; bytes */
	struct refused		refused[STORY_REFUSED];
	size_t			nr_refused;

	struct facts		*facts;		/* of the process while it lived, or NULL */
	size_t			before;		/* the next older of its place, and 1; or 0 */
};

struct stories {
	struct story	*story;
	size_t		nr;
	size_t		newest[STORY_PLACES];	/* by pid: the newest story, and 1; or 0 */
	uint64_t	records;	/* that were added */
	uint64_t	forgotten;	/* processes, so that memory has an end */
	uint64_t	lost;		/* records */
};

/* A limit that would have been enough. */
struct need {
	bool		unlimited;
	uint64_t	kb;
};

struct story *stories_add(struct stories *all, const struct mlock2mon_record *rec);
void stories_free(struct stories *all);

const struct story **stories_told(const struct stories *all, bool each, size_t *nr);
bool story_not_owner(const struct mlock2mon_record *rec);
bool story_short(const struct story *s);
struct need story_need(const struct story *s);

#endif

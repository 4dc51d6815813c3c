/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of the process behind a record, beside the record itself. */
#ifndef TOOLS_ORIGIN_H
#define TOOLS_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "mlock2mon.h"

#define ORIGIN_PLACES		1024
#define ORIGIN_CONTAINER_LEN	65
#define ORIGIN_PATH_MAX		4096

struct origin {
	uint32_t	pid;
	uint64_t	start_ns;	/* of the process; with @pid it names it for ever */
	char		comm[MLOCK2MON_COMM_LEN];
	char		container[ORIGIN_CONTAINER_LEN];	/* its id, or empty */
	char		*executable;				/* its path, or NULL */
};

/* The processes seen last; the memory does not grow with their number. */
struct origins {
	const char	*proc;		/* where to look for one that is new; NULL: nowhere */
	/* Told of each that was found so, before it takes the place of @old. */
	void		(*found)(void *arg, const struct origin *fresh, const struct origin *old);
	void		*arg;
	struct origin	place[ORIGIN_PLACES];
};

const struct origin *origin_find(struct origins *all, const struct mlock2mon_record *rec);
void origin_put(struct origins *all, const struct origin *origin);
void origin_free(struct origins *all);

bool origin_alive(const char *proc, uint32_t pid, uint64_t start_ns);
bool origin_container(const char *cgroup, char id[ORIGIN_CONTAINER_LEN]);

#endif

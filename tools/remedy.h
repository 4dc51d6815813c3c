/* SPDX-License-Identifier: GPL-2.0 */
/* What to change, as commands for the world a process runs in. */
#ifndef TOOLS_REMEDY_H
#define TOOLS_REMEDY_H

#include <stdio.h>

#include "facts.h"
#include "story.h"

/* The process that needs help. */
struct patient {
	const struct facts	*facts;
	uint64_t		uid;
	char *const		*command;	/* that was run for it, or NULL */
	bool			sets_limit;	/* it had another limit than it was started with */
};

void remedy_limit(FILE *out, const struct patient *p, struct need need);
void remedy_no_limit(FILE *out, char *const *command);
void remedy_maps(FILE *out, uint64_t now);

#endif

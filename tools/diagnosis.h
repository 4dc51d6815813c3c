/* SPDX-License-Identifier: GPL-2.0 */
/* What the story of a process means, in plain words. */
#ifndef TOOLS_DIAGNOSIS_H
#define TOOLS_DIAGNOSIS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "facts.h"
#include "remedy.h"
#include "story.h"

/* All that is known beside the records. */
struct situation {
	struct patient	patient;
	uint64_t	own_limit;	/* of this shell */
	bool		related;	/* the module watches related calls */
	bool		hole_known;
	struct part	hole;
	bool		resident_known;
	uint64_t	lockable_kb;	/* size of its locked mappings */
	uint64_t	resident_kb;	/* of them in memory */
};

const struct mlock2mon_record *diagnosis_record(const struct story *s);
bool diagnosis_needs_hole(const struct story *s, struct part *range);
void diagnosis_write(FILE *out, const struct story *s, const struct situation *at);

#endif

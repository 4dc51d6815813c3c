/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of /proc/mlock2mon/stats. */
#ifndef TOOLS_COUNTERS_H
#define TOOLS_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"

struct counter {
	struct span	key;	/* into a line of its own, freed with the rest */
	struct span	value;
};

struct counters {
	struct counter	*counter;
	size_t		nr;
};

FILE *counters_open(const char *dir, const char *name);
bool counters_read(struct counters *all, FILE *in);
void counters_free(struct counters *all);

struct span counters_text(const struct counters *all, const char *key);
uint64_t counters_number(const struct counters *all, struct span group, const char *rest);

void counters_json(FILE *out, const struct counters *all);

#endif

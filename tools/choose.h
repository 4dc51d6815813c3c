/* SPDX-License-Identifier: GPL-2.0 */
/* The options of mlock2mon events that choose records, as a filter for the module. */
#ifndef TOOLS_CHOOSE_H
#define TOOLS_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "mlock2mon.h"

/* What getopt_long() gives for them: no characters, they have long names only. */
enum choice {
	CHOOSE_CALL = 256,
	CHOOSE_PID,
	CHOOSE_UID,
	CHOOSE_CGROUP,
	CHOOSE_FAILED,
	CHOOSE_MIN_BYTES,
	CHOOSE_MIN_TIME,
	CHOOSE_NEAR,
	CHOOSE_END
};

struct mlock2mon;

bool choose_place(struct mlock2mon *device, uint64_t since);
bool choose(struct mlock2mon_filter *filter, enum choice what, const char *argument);

#endif

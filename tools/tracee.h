/* SPDX-License-Identifier: GPL-2.0 */
/* Records as Tracee writes its events, in both of its dialects. */
#ifndef TOOLS_TRACEE_H
#define TOOLS_TRACEE_H

#include <stdbool.h>
#include <stdint.h>

#include "mlock2mon.h"
#include "origin.h"

#define TRACEE_ROOM	(32 << 10)	/* any event, bytes */

/* Where a record comes from. */
struct tracee_world {
	int64_t		boot_ns;	/* CLOCK_REALTIME less CLOCK_BOOTTIME */
	const char	*hostname;
};

bool tracee_knows(const struct mlock2mon_record *rec);
uint32_t tracee_id(uint32_t tid, int64_t start_ns);

char *tracee_json(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
		  const struct tracee_world *world);
char *tracee_legacy(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
		    const struct tracee_world *world);

#endif

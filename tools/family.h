/* SPDX-License-Identifier: GPL-2.0 */
/* A process and all that descend from it, as the kernel tells of each fork. */
#ifndef TOOLS_FAMILY_H
#define TOOLS_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct family {
	int		fd;	/* of the process connector, or -1 */
	bool		exact;	/* every fork was told */
	uint32_t	*member;	/* pids, an open hash; 0: free */
	size_t		nr;
	size_t		room;	/* a power of two */
};

void family_begin(struct family *f);
void family_add(struct family *f, uint32_t pid);
void family_update(struct family *f);
bool family_has(struct family *f, uint32_t pid, uint32_t parent);
void family_end(struct family *f);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What /proc says of a process that locks memory: limits, capabilities, where it runs. */
#ifndef TOOLS_FACTS_H
#define TOOLS_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FACTS_CAP_IPC_LOCK	(1ULL << 14)
#define FACTS_CAP_SYS_RESOURCE	(1ULL << 24)
#define FACTS_UNLIMITED		UINT64_MAX

/* What the file of a program grants when it is started. */
enum file_cap {
	FILE_CAP_UNKNOWN,
	FILE_CAP_NONE,		/* no CAP_IPC_LOCK */
	FILE_CAP_PERMITTED,	/* it is permitted, but does not become effective */
	FILE_CAP_EFFECTIVE,
};

enum place_kind {
	PLACE_UNKNOWN,
	PLACE_SERVICE,		/* a unit of the system's systemd */
	PLACE_USER_UNIT,	/* a unit of a user's systemd */
	PLACE_SESSION,		/* a login */
	PLACE_DOCKER,
	PLACE_PODMAN,
	PLACE_KUBERNETES,
	PLACE_LXC,
	PLACE_NSPAWN,
};

/* Where a process lives, as the name of its cgroup tells. */
struct place {
	enum place_kind	kind;
	char		name[256];	/* of the unit or the container; else empty */
	char		manager[11];	/* PLACE_USER_UNIT: uid of that systemd; or empty */
};

struct facts {
	bool		known;		/* the process was there to be asked */
	bool		guessed;	/* exe or the unit is by name only */
	pid_t		pid;
	char		exe[PATH_MAX];	/* or empty */
	struct place	place;
	uint64_t	uid;
	uint64_t	limit;		/* RLIMIT_MEMLOCK, soft, bytes */
	uint64_t	hard_limit;
	uint64_t	cap_permitted;
	uint64_t	cap_effective;
	uint64_t	cap_bounding;
	bool		no_new_privs;
	bool		other_userns;	/* not in the initial user namespace */
	uint64_t	locked_kb;	/* VmLck */
	uint64_t	size_kb;	/* VmSize */
	enum file_cap	file_cap;	/* of exe */
};

/* A part of a range of addresses. */
struct part {
	uint64_t	start;
	uint64_t	end;
};

bool facts_read(struct facts *facts, const char *proc, pid_t pid);
void facts_of_program(struct facts *facts, const char *path);

bool is_unit_name(const char *name);
void place_of(struct place *place, const char *cgroup);
bool cgroup_path(uint64_t id, char *path, size_t room);

bool facts_resident(const char *proc, pid_t pid, uint64_t *locked_kb, uint64_t *resident_kb);
bool facts_hole(const char *proc, pid_t pid, struct part range, struct part *hole);
bool facts_count_maps(const char *proc, pid_t pid, uint64_t *maps);

#endif

// SPDX-License-Identifier: GPL-2.0
/* What /proc says of a process that locks memory: limits, capabilities, where it runs. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "facts.h"
#include "record.h"

#define INITIAL_USERNS	"user:[4026531837]"	/* the number is fixed by the kernel */

static FILE *open_of(const char *proc, pid_t pid, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)pid, name);
	return fopen(path, "re");
}

static ssize_t link_of(const char *proc, pid_t pid, const char *name, char *to, size_t room)
{
	char path[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)pid, name);
	len = readlink(path, to, room - 1);
	to[len > 0 ? len : 0] = '\0';
	return len;
}

/* --- capabilities of a file --- */

/* The layout that the kernel gives for security.capability, all versions of it. */
struct file_caps {
	uint32_t	magic;
	struct {
		uint32_t	permitted;
		uint32_t	inheritable;
	} word[2];
	uint32_t	rootid;
};

static enum file_cap file_cap(const char *path)
{
	struct file_caps caps = { 0 };
	ssize_t len = getxattr(path, "security.capability", &caps, sizeof(caps));

	if (len < 0)
		return errno == ENODATA || errno == ENOTSUP ? FILE_CAP_NONE : FILE_CAP_UNKNOWN;
	if (len < 12 || !(caps.word[0].permitted & FACTS_CAP_IPC_LOCK))
		return FILE_CAP_NONE;
	return caps.magic & VFS_CAP_FLAGS_EFFECTIVE ? FILE_CAP_EFFECTIVE : FILE_CAP_PERMITTED;
}

/* What is known of a process that is not there any more, but whose program is. */
void facts_of_program(struct facts *facts, const char *path)
{
	*facts = (struct facts){ .limit = FACTS_UNLIMITED, .hard_limit = FACTS_UNLIMITED };
	snprintf(facts->exe, sizeof(facts->exe), "%s", path);
	facts->file_cap = file_cap(path);
	facts->cap_bounding = ~0ULL;
}

/* --- where it lives --- */

static bool begins(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && !memcmp(text.at, prefix, len);
}

static bool ends(struct span text, const char *tail)
{
	size_t len = strlen(tail);

	return text.len > len && !memcmp(text.at + text.len - len, tail, len);
}

static void set_place(struct place *place, enum place_kind kind, struct span name)
{
	place->kind = kind;
	snprintf(place->name, sizeof(place->name), "%.*s", (int)name.len, name.at);
}

/* The id of a container: "docker-ID.scope" or ID alone. */
static struct span container_id(struct span part)
{
	const char *dash = memrchr(part.at, '-', part.len);

	if (ends(part, ".scope"))
		part.len -= strlen(".scope");
	if (dash && dash < part.at + part.len)
		part = (struct span){ dash + 1, part.at + part.len - (dash + 1) };
	if (part.len > 12)
		part.len = 12;
	return part;
}

/* The name of a container's directory, as far as it can be one. */
static void lxc_part(struct place *place, struct span name)
{
	if (!span_is(name, "") && name.at[0] != '.')
		set_place(place, PLACE_LXC, name);
}

/* Below these, a user or another container has chosen the names. */
static bool is_inside(const struct place *place)
{
	return place->kind != PLACE_UNKNOWN && place->kind != PLACE_SESSION;
}

static void container_part(struct place *place, struct span part, struct span before)
{
	if (begins(part, "lxc.payload.") && !is_inside(place))
		lxc_part(place, (struct span){ part.at + 12, part.len - 12 });
	else if (begins(part, "kubepods"))
		set_place(place, PLACE_KUBERNETES, span_of(""));
	else if (place->kind == PLACE_KUBERNETES)
		set_place(place, PLACE_KUBERNETES, container_id(part));
	else if (begins(part, "libpod-") && !begins(part, "libpod-conmon-"))
		set_place(place, PLACE_PODMAN, container_id(part));
	else if ((begins(part, "docker-") && ends(part, ".scope")) || span_is(before, "docker"))
		set_place(place, PLACE_DOCKER, container_id(part));
	else if (span_is(part, "payload") && begins(before, "machine-") && ends(before, ".scope"))
		set_place(place, PLACE_NSPAWN, span_of(""));
}

/* What systemd takes for the name of a unit. */
bool is_unit_name(const char *name)
{
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr(":-_.\\@", *name))
			return false;
	}
	return true;
}

static void service_part(struct place *place, struct span part, bool of_user)
{
	static const char nspawn[] = "systemd-nspawn@";
	size_t head = strlen(nspawn), tail = strlen(".service");

	if (begins(part, "_"))		/* what looks like a file of the kernel has one before it */
		part = (struct span){ part.at + 1, part.len - 1 };
	set_place(place, of_user ? PLACE_USER_UNIT : PLACE_SERVICE, part);
	if (!is_unit_name(place->name))
		set_place(place, of_user ? PLACE_USER_UNIT : PLACE_UNKNOWN, span_of(""));
	else if (!of_user && begins(part, nspawn) && part.len > head + tail)
		set_place(place, PLACE_NSPAWN,
			  (struct span){ part.at + head, part.len - head - tail });
}

/* @instance: of user@.service, with what follows it. */
static void set_manager(struct place *place, const char *instance)
{
	size_t len = strspn(instance, "0123456789");

	if (len < sizeof(place->manager) && instance[len] == '.')
		snprintf(place->manager, sizeof(place->manager), "%.*s", (int)len, instance);
}

/* True if what is below it is not of this systemd: a unit has nothing but slices above. */
static bool unit_part(struct place *place, struct span part, bool *of_user)
{
	if (!*of_user && begins(part, "user@") && ends(part, ".service")) {
		*of_user = true;
		set_place(place, PLACE_USER_UNIT, span_of(""));
		set_manager(place, part.at + strlen("user@"));
		return false;
	}
	if (ends(part, ".service"))
		service_part(place, part, *of_user);
	else if (!*of_user && begins(part, "session-") && ends(part, ".scope"))
		set_place(place, PLACE_SESSION, span_of(""));
	return !ends(part, ".slice");
}

/*
 * A container deeper in the path knows better than what is above it. Of units the first one
 * counts: those below have their names from whoever is in it.
 */
void place_of(struct place *place, const char *cgroup)
{
	bool of_user = false, in_unit = false;
	struct span before = span_of("");

	*place = (struct place){ 0 };
	cgroup += *cgroup == '/';
	while (*cgroup) {
		const char *slash = strchrnul(cgroup, '/');
		struct span part = { cgroup, slash - cgroup };

		container_part(place, part, before);
		if (!in_unit && place->kind < PLACE_DOCKER)
			in_unit = unit_part(place, part, &of_user);
		before = part;
		cgroup = slash + (*slash == '/');
	}
}

static int open_handle(const char *root, uint64_t id)
{
	union {
		struct file_handle	handle;
		char			room[sizeof(struct file_handle) + sizeof(id)];
	} u = { .handle = { .handle_bytes = sizeof(id), .handle_type = 0xfe } };
	int mount = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (mount < 0)
		return -1;
	memcpy(u.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(mount, &u.handle, O_PATH | O_CLOEXEC);
	close(mount);
	return fd;
}

static bool handle_path(const char *root, uint64_t id, char *path, size_t room)
{
	char place[64], link[PATH_MAX];
	size_t skip = strlen(root);
	int fd = open_handle(root, id);
	ssize_t len;

	if (fd < 0)
		return false;
	snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	len = readlink(place, link, sizeof(link) - 1);
	close(fd);
	if (len < (ssize_t)skip || memcmp(link, root, skip))
		return false;
	link[len] = '\0';
	snprintf(path, room, "%s", link + skip);
	return true;
}

/* The path of a cgroup by its number, if it is still there and we may look. */
bool cgroup_path(uint64_t id, char *path, size_t room)
{
	path[0] = '\0';
	return id && (handle_path("/sys/fs/cgroup", id, path, room) ||
		      handle_path("/sys/fs/cgroup/unified", id, path, room));
}

/* --- what /proc/PID says --- */

static bool number_after(const char *line, const char *key, int base, uint64_t *value)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len))
		return false;
	*value = strtoull(line + len, NULL, base);
	return true;
}

static void status_line(struct facts *facts, const char *line)
{
	uint64_t value;

	if (number_after(line, "Uid:", 10, &facts->uid) ||
	    number_after(line, "CapPrm:", 16, &facts->cap_permitted) ||
	    number_after(line, "CapEff:", 16, &facts->cap_effective) ||
	    number_after(line, "CapBnd:", 16, &facts->cap_bounding) ||
	    number_after(line, "VmLck:", 10, &facts->locked_kb) ||
	    number_after(line, "VmSize:", 10, &facts->size_kb))
		return;
	if (number_after(line, "NoNewPrivs:", 10, &value))
		facts->no_new_privs = value;
}

static uint64_t limit_number(const char *text, char **end)
{
	text += strspn(text, " ");
	if (!strncmp(text, "unlimited", 9)) {
		*end = (char *)text + 9;
		return FACTS_UNLIMITED;
	}
	return strtoull(text, end, 10);
}

static void limits_line(struct facts *facts, const char *line)
{
	static const char key[] = "Max locked memory";
	char *rest;

	if (strncmp(line, key, sizeof(key) - 1))
		return;
	facts->limit = limit_number(line + sizeof(key) - 1, &rest);
	facts->hard_limit = limit_number(rest, &rest);
}

static void cgroup_line(struct facts *facts, const char *line)
{
	if (!strncmp(line, "0::", 3))
		place_of(&facts->place, line + 3);
}

static bool each_line(const char *proc, pid_t pid, const char *name, struct facts *facts,
		      void (*take)(struct facts *facts, const char *line))
{
	FILE *in = open_of(proc, pid, name);
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!in)
		return false;
	while ((len = getline(&line, &room, in)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		take(facts, line);
	}
	free(line);
	fclose(in);
	return true;
}

/* False, and nothing is known, if there is no such process or it must not be asked. */
bool facts_read(struct facts *facts, const char *proc, pid_t pid)
{
	char link[64], path[PATH_MAX];

	*facts = (struct facts){ .pid = pid, .cap_bounding = ~0ULL };
	if (!each_line(proc, pid, "status", facts, status_line) ||
	    !each_line(proc, pid, "limits", facts, limits_line))
		return false;
	each_line(proc, pid, "cgroup", facts, cgroup_line);
	facts->other_userns = link_of(proc, pid, "ns/user", link, sizeof(link)) > 0 &&
			      strcmp(link, INITIAL_USERNS);
	link_of(proc, pid, "exe", facts->exe, sizeof(facts->exe));
	/* Through the process: its path may be one of another mount namespace. */
	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid);
	facts->file_cap = file_cap(path);
	facts->known = true;
	return true;
}

/* --- its mappings --- */

/* Sizes of all locked mappings, and how much of them is in memory. */
bool facts_resident(const char *proc, pid_t pid, uint64_t *locked_kb, uint64_t *resident_kb)
{
	FILE *in = open_of(proc, pid, "smaps");
	uint64_t size = 0, rss = 0;
	char *line = NULL;
	size_t room = 0;

	if (!in)
		return false;
	*locked_kb = *resident_kb = 0;
	while (getline(&line, &room, in) > 0) {
		if (number_after(line, "Size:", 10, &size) || number_after(line, "Rss:", 10, &rss))
			continue;
		if (strncmp(line, "VmFlags:", 8) || !strstr(line, " lo"))
			continue;
		*locked_kb += size;
		*resident_kb += rss;
	}
	free(line);
	fclose(in);
	return true;
}

/* The first part of @range that is not mapped; false if there is none. */
bool facts_hole(const char *proc, pid_t pid, struct part range, struct part *hole)
{
	FILE *in = open_of(proc, pid, "maps");
	char *line = NULL;
	size_t room = 0;

	if (!in)
		return false;
	*hole = range;
	while (hole->start < range.end && getline(&line, &room, in) > 0) {
		uint64_t start, end;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || end <= hole->start)
			continue;
		if (start > hole->start) {
			hole->end = start < range.end ? start : range.end;
			break;
		}
		hole->start = end;
	}
	free(line);
	fclose(in);
	return hole->start < hole->end;
}

bool facts_count_maps(const char *proc, pid_t pid, uint64_t *maps)
{
	FILE *in = open_of(proc, pid, "maps");
	char *line = NULL;
	size_t room = 0;

	if (!in)
		return false;
	for (*maps = 0; getline(&line, &room, in) > 0; ++*maps)
		;
	free(line);
	fclose(in);
	return true;
}

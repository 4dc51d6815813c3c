// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of the process behind a record, beside the record itself: its
 * executable and its container, from /proc while it is alive, or from a recording.
 *
 * Each process has one place where it can be, so a recording and its replay keep and
 * forget the same ones at the same time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "origin.h"
#include "record.h"

#define NS_PER_S	1000000000ULL
#define FILE_MAX	16384	/* of what is read of a file in /proc */
#define ID_LEN		(ORIGIN_CONTAINER_LEN - 1)

static struct origin *place_of(struct origins *all, uint32_t pid, uint64_t start_ns)
{
	uint64_t mixed = (pid ^ start_ns) * 0x9e3779b97f4a7c15ULL;

	return &all->place[mixed >> 32 & (ORIGIN_PLACES - 1)];
}

static void set_place(struct origin *place, const struct origin *origin)
{
	char *executable = origin->executable ? strdup(origin->executable) : NULL;

	free(place->executable);
	*place = *origin;
	place->executable = executable;
}

void origin_put(struct origins *all, const struct origin *origin)
{
	set_place(place_of(all, origin->pid, origin->start_ns), origin);
}

void origin_free(struct origins *all)
{
	size_t i;

	for (i = 0; i < ORIGIN_PLACES; i++)
		free(all->place[i].executable);
	memset(all->place, 0, sizeof(all->place));
}

/* --- the container, from the path of a cgroup --- */

static bool is_id(struct span span)
{
	size_t i;

	for (i = 0; i < span.len; i++) {
		if (!strchr("0123456789abcdefABCDEF", span.at[i]))
			return false;
	}
	return span.len == ID_LEN;
}

static void cut_prefix(struct span *span, const char *prefix)
{
	size_t len = strlen(prefix);

	if (span->len < len || memcmp(span->at, prefix, len))
		return;
	span->at += len;
	span->len -= len;
}

static void cut_suffix(struct span *span, const char *suffix)
{
	size_t len = strlen(suffix);

	if (span->len >= len && !memcmp(span->at + span->len - len, suffix, len))
		span->len -= len;
}

/* What is in front of the id, by the maker of the container. */
static bool part_is_container(struct span part, struct span *id)
{
	static const char *const prefix[] = {
		"docker-", "cri-containerd-", "crio-", "libpod-",
	};
	const char *in_name = memmem(part.at, part.len, ":cri-containerd:", 16);
	size_t i;

	if (in_name) {
		*id = (struct span){ in_name + 16, part.at + part.len - (in_name + 16) };
		return is_id(*id);
	}
	cut_suffix(&part, ".scope");
	*id = part;
	for (i = 0; i < ARRAY_SIZE(prefix) && id->len == part.len; i++)
		cut_prefix(id, prefix[i]);
	return is_id(*id);
}

/*
 * @cgroup is a path, or lines of /proc/PID/cgroup: the innermost part that names a
 * container by an id of 64 hexadecimal digits. False if there is none.
 */
bool origin_container(const char *cgroup, char id[ORIGIN_CONTAINER_LEN])
{
	const char *end = cgroup + strlen(cgroup);
	const char *begin;
	struct span found;

	for (; end > cgroup; end = begin - 1) {
		for (begin = end; begin > cgroup && begin[-1] != '/' && begin[-1] != '\n';)
			begin--;
		if (part_is_container((struct span){ begin, end - begin }, &found)) {
			memcpy(id, found.at, ID_LEN);
			id[ID_LEN] = '\0';
			return true;
		}
		if (begin == cgroup)
			break;
	}
	id[0] = '\0';
	return false;
}

/* --- the process, from /proc --- */

static bool read_file(const char *proc, uint32_t pid, const char *name, char buf[FILE_MAX])
{
	char path[512];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/%u/%s", proc, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	got = read(fd, buf, FILE_MAX - 1);
	close(fd);
	buf[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static char *read_executable(const char *proc, uint32_t pid, char buf[ORIGIN_PATH_MAX])
{
	char path[512];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%u/exe", proc, pid);
	len = readlink(path, buf, ORIGIN_PATH_MAX - 1);
	if (len <= 0)
		return NULL;
	buf[len] = '\0';
	return buf;
}

/* The start of a process, in clock ticks, is the 20th word after its name. */
static bool started_at(const char *stat, uint64_t start_ns)
{
	const char *p = strrchr(stat, ')');
	uint64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
	int i;

	for (i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	return p && strtoull(p, NULL, 10) == start_ns / tick_ns;
}

/* Is it the process that started then, and not another that has got its number? */
bool origin_alive(const char *proc, uint32_t pid, uint64_t start_ns)
{
	char buf[FILE_MAX];

	return read_file(proc, pid, "stat", buf) && started_at(buf, start_ns);
}

/*
 * That it is this process is looked at last: if it is there then, it was all the time.
 */
static void look(const char *proc, struct origin *origin, char executable[ORIGIN_PATH_MAX])
{
	char buf[FILE_MAX];

	origin->executable = read_executable(proc, origin->pid, executable);
	if (read_file(proc, origin->pid, "cgroup", buf))
		origin_container(buf, origin->container);
	if (origin_alive(proc, origin->pid, origin->start_ns))
		return;
	origin->executable = NULL;
	origin->container[0] = '\0';
}

/* A process that has another name has perhaps become another program. */
static bool is_of(const struct origin *origin, const struct mlock2mon_record *rec)
{
	return origin->pid == rec->pid && origin->start_ns == rec->leader_start_ns &&
	       !memcmp(origin->comm, rec->comm, sizeof(origin->comm));
}

/* Null if nothing is known. What is found lives until the next one is looked for. */
const struct origin *origin_find(struct origins *all, const struct mlock2mon_record *rec)
{
	struct origin *place = place_of(all, rec->pid, rec->leader_start_ns);
	struct origin fresh = { .pid = rec->pid, .start_ns = rec->leader_start_ns };
	char executable[ORIGIN_PATH_MAX];

	if (is_of(place, rec))
		return place;
	if (!all->proc)
		return NULL;
	memcpy(fresh.comm, rec->comm, sizeof(fresh.comm));
	look(all->proc, &fresh, executable);
	if (all->found)
		all->found(all->arg, &fresh, place);
	set_place(place, &fresh);
	return place;
}

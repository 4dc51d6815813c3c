// SPDX-License-Identifier: GPL-2.0
/*
 * Text: the names of things, and the line of a record. No byte that a user
 * can choose reaches a line unescaped. Compiled for the module and for
 * libmlock2mon, so nothing of the kernel's but what format.h maps.
 */
#include <linux/mman.h>
#ifdef __KERNEL__
#include <uapi/linux/shm.h>
#else
#include <linux/shm.h>
#endif
#include "format.h"
#include "why.h"

static const char * const call_names[] = {
	[MLOCK2MON_MLOCK2]	= "mlock2",
	[MLOCK2MON_MLOCK]	= "mlock",
	[MLOCK2MON_MUNLOCK]	= "munlock",
	[MLOCK2MON_MLOCKALL]	= "mlockall",
	[MLOCK2MON_MUNLOCKALL]	= "munlockall",
	[MLOCK2MON_MMAP]	= "mmap",
	[MLOCK2MON_MUNMAP]	= "munmap",
	[MLOCK2MON_MREMAP]	= "mremap",
	[MLOCK2MON_BRK]		= "brk",
	[MLOCK2MON_SHMAT]	= "shmat",
	[MLOCK2MON_SHMDT]	= "shmdt",
	[MLOCK2MON_SHMCTL]	= "shmctl",
	[MLOCK2MON_STACK]	= "stack",
	[MLOCK2MON_EXEC]	= "exec",
	[MLOCK2MON_OTHER]	= "other",
	[MLOCK2MON_EXIT]	= "exit",
};

static const char * const why_names[] = {
	[MLOCK2MON_WHY_NONE]		= "none",
	[MLOCK2MON_WHY_FLAGS]		= "flags",
	[MLOCK2MON_WHY_RANGE]		= "range",
	[MLOCK2MON_WHY_PERM]		= "perm",
	[MLOCK2MON_WHY_LIMIT]		= "limit",
	[MLOCK2MON_WHY_HOLE]		= "hole",
	[MLOCK2MON_WHY_MAPS]		= "maps",
	[MLOCK2MON_WHY_POPULATE]	= "populate",
	[MLOCK2MON_WHY_NOMEM]		= "nomem",
	[MLOCK2MON_WHY_KILLED]		= "killed",
	[MLOCK2MON_WHY_ALREADY]		= "already",
	[MLOCK2MON_WHY_EMPTY]		= "empty",
	[MLOCK2MON_WHY_UNLOCKABLE]	= "unlockable",
	[MLOCK2MON_WHY_NEAR_LIMIT]	= "near_limit",
	[MLOCK2MON_WHY_BLOCKED]		= "blocked",
	[MLOCK2MON_WHY_OTHER]		= "other",
};

/**
 * mlmon_call_name() - the name of a call
 * @call: enum mlock2mon_call
 *
 * Context: any.
 * Return: the name.
 */
const char *mlmon_call_name(unsigned int call)
{
	return call < ARRAY_SIZE(call_names) ? call_names[call] : "?";
}

/**
 * mlmon_why_name() - the token of a reason
 * @why: enum mlock2mon_why
 *
 * Context: any.
 * Return: the token.
 */
const char *mlmon_why_name(unsigned int why)
{
	return why < ARRAY_SIZE(why_names) ? why_names[why] : "?";
}

static const struct {
	int		error;
	const char	*name;
} error_names[] = {
	{ EPERM, "EPERM" },
	{ ENOMEM, "ENOMEM" },
	{ EAGAIN, "EAGAIN" },
	{ EINTR, "EINTR" },
	{ EINVAL, "EINVAL" },
	{ EACCES, "EACCES" },
	{ EFAULT, "EFAULT" },
	{ EBADF, "EBADF" },
	{ ENODEV, "ENODEV" },
	{ EEXIST, "EEXIST" },
	{ EIDRM, "EIDRM" },
	{ EOVERFLOW, "EOVERFLOW" },
	{ ETXTBSY, "ETXTBSY" },
	{ ENFILE, "ENFILE" },
};

/**
 * mlmon_errno_name() - the name of an error the watched calls are known to give
 * @error: positive errno
 *
 * Context: any.
 * Return: the name, or NULL.
 */
const char *mlmon_errno_name(int error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(error_names); i++)
		if (error_names[i].error == error)
			return error_names[i].name;
	return NULL;
}

/**
 * mlmon_format_comm() - the name of a task, escaped
 * @buf: of MLMON_COMM_TEXT bytes
 * @comm: of MLOCK2MON_COMM_LEN bytes
 * @escape_space: where the name is one of several columns
 *
 * Context: any.
 * Return: the length of the text.
 */
size_t mlmon_format_comm(char *buf, const char *comm, bool escape_space)
{
	size_t n = 0;
	int i;

	for (i = 0; i < MLOCK2MON_COMM_LEN && comm[i]; i++) {
		unsigned char c = comm[i];

		if (c == '"' || c == '\\')
			n += scnprintf(buf + n, MLMON_COMM_TEXT - n, "\\%c", c);
		else if (c < ' ' || c >= 0x7f || (c == ' ' && escape_space))
			n += scnprintf(buf + n, MLMON_COMM_TEXT - n, "\\x%02x", c);
		else
			buf[n++] = c;
	}
	buf[n] = '\0';
	return n;
}

/* What the bits of @mask mean when they are @value. */
struct flag {
	__u32		mask;
	__u32		value;
	const char	*name;
};

static const struct flag mlock2_flags[] = {
	{ MLMON_MLOCK_ONFAULT, MLMON_MLOCK_ONFAULT, "ONFAULT" },
};

static const struct flag mlockall_flags[] = {
	{ MLMON_MCL_CURRENT, MLMON_MCL_CURRENT, "CURRENT" },
	{ MLMON_MCL_FUTURE, MLMON_MCL_FUTURE, "FUTURE" },
	{ MLMON_MCL_ONFAULT, MLMON_MCL_ONFAULT, "ONFAULT" },
};

static const struct flag mmap_flags[] = {
	{ MAP_TYPE, MAP_SHARED, "SHARED" },
	{ MAP_TYPE, MAP_PRIVATE, "PRIVATE" },
	{ MAP_TYPE, MAP_SHARED_VALIDATE, "SHARED_VALIDATE" },
	{ MAP_FIXED, MAP_FIXED, "FIXED" },
	{ MAP_ANONYMOUS, MAP_ANONYMOUS, "ANONYMOUS" },
	{ MAP_32BIT, MAP_32BIT, "32BIT" },
	{ MAP_GROWSDOWN, MAP_GROWSDOWN, "GROWSDOWN" },
	{ MAP_DENYWRITE, MAP_DENYWRITE, "DENYWRITE" },
	{ MAP_EXECUTABLE, MAP_EXECUTABLE, "EXECUTABLE" },
	{ MAP_LOCKED, MAP_LOCKED, "LOCKED" },
	{ MAP_NORESERVE, MAP_NORESERVE, "NORESERVE" },
	{ MAP_POPULATE, MAP_POPULATE, "POPULATE" },
	{ MAP_NONBLOCK, MAP_NONBLOCK, "NONBLOCK" },
	{ MAP_STACK, MAP_STACK, "STACK" },
	{ MAP_HUGETLB, MAP_HUGETLB, "HUGETLB" },
	{ MAP_SYNC, MAP_SYNC, "SYNC" },
	{ MAP_FIXED_NOREPLACE, MAP_FIXED_NOREPLACE, "FIXED_NOREPLACE" },
};

static const struct flag mremap_flags[] = {
	{ MREMAP_MAYMOVE, MREMAP_MAYMOVE, "MAYMOVE" },
	{ MREMAP_FIXED, MREMAP_FIXED, "FIXED" },
	{ MREMAP_DONTUNMAP, MREMAP_DONTUNMAP, "DONTUNMAP" },
};

static const struct flag shmat_flags[] = {
	{ SHM_RDONLY, SHM_RDONLY, "RDONLY" },
	{ SHM_RND, SHM_RND, "RND" },
	{ SHM_REMAP, SHM_REMAP, "REMAP" },
	{ SHM_EXEC, SHM_EXEC, "EXEC" },
};

/* A command: all bits count. */
static const struct flag shmctl_flags[] = {
	{ ~0U, SHM_LOCK, "LOCK" },
	{ ~0U, SHM_UNLOCK, "UNLOCK" },
};

static const struct {
	const struct flag	*flag;
	size_t			nr;
} flags_of_call[MLOCK2MON_NR_CALLS] = {
	[MLOCK2MON_MLOCK2]	= { mlock2_flags, ARRAY_SIZE(mlock2_flags) },
	[MLOCK2MON_MLOCKALL]	= { mlockall_flags, ARRAY_SIZE(mlockall_flags) },
	[MLOCK2MON_MMAP]	= { mmap_flags, ARRAY_SIZE(mmap_flags) },
	[MLOCK2MON_MREMAP]	= { mremap_flags, ARRAY_SIZE(mremap_flags) },
	[MLOCK2MON_SHMAT]	= { shmat_flags, ARRAY_SIZE(shmat_flags) },
	[MLOCK2MON_SHMCTL]	= { shmctl_flags, ARRAY_SIZE(shmctl_flags) },
};

/**
 * mlmon_format_flags() - the flags argument of a call
 * @buf: for the text
 * @size: of @buf; MLMON_FLAGS_TEXT holds any
 * @call: enum mlock2mon_call
 * @flags: as passed
 *
 * Context: any.
 * Return: the length of the text.
 */
size_t mlmon_format_flags(char *buf, size_t size, unsigned int call, __u32 flags)
{
	const struct flag *f = NULL;
	size_t nr = 0;
	size_t n = 0;

	if (call < ARRAY_SIZE(flags_of_call)) {
		f = flags_of_call[call].flag;
		nr = flags_of_call[call].nr;
	}
	for (; nr; nr--, f++) {
		if ((flags & f->mask) != f->value)
			continue;
		n += scnprintf(buf + n, size - n, "%s%s", n ? "|" : "", f->name);
		flags &= ~f->mask;
	}
	if (flags || !n)
		n += scnprintf(buf + n, size - n, n ? "|0x%x" : flags ? "0x%x" : "%x", flags);
	return n;
}

static size_t format_time(char *buf, size_t size, const char *key, __u64 ns)
{
	__u32 rest;
	__u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

	return scnprintf(buf, size, "%s=%llu.%09u", key, seconds, rest);
}

static size_t format_caller(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	char comm[MLMON_COMM_TEXT];

	mlmon_format_comm(comm, rec->comm, false);
	return scnprintf(buf, size, " cpu=%u call=%s pid=%u tid=%u uid=%u comm=\"%s\"",
			 rec->cpu, mlmon_call_name(rec->call), rec->pid, rec->tid, rec->uid,
			 comm);
}

/* errno= of a result; nobody knows what the program saw of a call that never came here. */
static size_t format_errno(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	__u64 error = rec->ret < 0 ? 0 - (__u64)rec->ret : 0;
	const char *name = error < 4096 ? mlmon_errno_name(error) : NULL;

	if (rec->why == MLOCK2MON_WHY_BLOCKED)
		return scnprintf(buf, size, " errno=?");
	if (name)
		return scnprintf(buf, size, " errno=%s", name);
	return scnprintf(buf, size, " errno=%llu", error);
}

static size_t format_ret(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	switch (rec->call) {
	case MLOCK2MON_MMAP:
	case MLOCK2MON_MREMAP:
	case MLOCK2MON_BRK:
	case MLOCK2MON_SHMAT:
		if (rec->ret > 0)
			return scnprintf(buf, size, " ret=0x%llx", rec->ret);
		break;
	default:
		break;
	}
	return scnprintf(buf, size, " ret=%lld", rec->ret);
}

static size_t format_result(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

	n = scnprintf(buf, size, " addr=0x%llx len=%llu flags=", rec->addr, rec->len);
	n += mlmon_format_flags(buf + n, size - n, rec->call, rec->flags);
	n += format_ret(buf + n, size - n, rec);
	n += format_errno(buf + n, size - n, rec);
	return n + scnprintf(buf + n, size - n, " dur_ns=%llu", rec->dur_ns);
}

static size_t format_memory(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

	n = scnprintf(buf, size, " locked_kb=%llu delta_kb=%lld",
		      rec->locked >> 10, rec->delta / 1024);
	if (rec->limit == ~0ULL)
		n += scnprintf(buf + n, size - n, " limit_kb=unlimited");
	else
		n += scnprintf(buf + n, size - n, " limit_kb=%llu", rec->limit >> 10);
	return n + scnprintf(buf + n, size - n, " cap=%u cgroup=%llu",
			     !!(rec->attr & MLOCK2MON_ATTR_CAP), rec->cgroup);
}

static size_t format_why(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

	if (rec->why == MLOCK2MON_WHY_NONE)
		return 0;
	n = scnprintf(buf, size, " why=%s", mlmon_why_name(rec->why));
	/* Of some related calls it is not known. */
	if (rec->why == MLOCK2MON_WHY_LIMIT && (rec->detail || rec->call < MLOCK2MON_MMAP))
		n += scnprintf(buf + n, size - n, " short_kb=%llu", rec->detail >> 10);
	if (rec->why == MLOCK2MON_WHY_MAPS)
		n += scnprintf(buf + n, size - n, " max_maps=%llu", rec->detail);
	if (rec->why == MLOCK2MON_WHY_NEAR_LIMIT)
		n += scnprintf(buf + n, size - n, " headroom_kb=%llu", rec->detail >> 10);
	return n;
}

static size_t format_range(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	struct mlmon_facts facts = {
		.addr = rec->addr,
		.len = rec->len,
		.page_shift = mlmon_page_shift(),
	};

	if (rec->call != MLOCK2MON_MLOCK2 && rec->call != MLOCK2MON_MLOCK &&
	    rec->call != MLOCK2MON_MUNLOCK)
		return 0;
	if (mlmon_page_addr(&facts) == rec->addr && mlmon_page_len(&facts) == rec->len)
		return 0;
	return scnprintf(buf, size, " page_addr=0x%llx page_len=%llu",
			 mlmon_page_addr(&facts), mlmon_page_len(&facts));
}

static size_t format_attributes(char *buf, size_t size, __u16 attr)
{
	static const struct {
		__u16		bit;
		const char	*text;
	} names[] = {
		{ MLOCK2MON_ATTR_COMPAT, " compat=1" },
		{ MLOCK2MON_ATTR_CAPNS, " capns=1" },
		{ MLOCK2MON_ATTR_RACY, " racy=1" },
		{ MLOCK2MON_ATTR_ONFAULT, " onfault=1" },
		{ MLOCK2MON_ATTR_UNTRACKED, " untracked=1" },
	};
	size_t n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (attr & names[i].bit)
			n += scnprintf(buf + n, size - n, "%s", names[i].text);
	return n;
}

/* What shares its place in the record: which of it is there depends on call and attr. */
static size_t format_extra(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

	if (rec->attr & MLOCK2MON_ATTR_REPEAT) {
		n = scnprintf(buf, size, " repeat=%llu ", rec->repeat);
		return n + format_time(buf + n, size - n, "last", rec->last_ns);
	}
	if (rec->call == MLOCK2MON_MREMAP)
		return scnprintf(buf, size, " old_len=%llu new_addr=0x%llx",
				 rec->old_len, rec->new_addr);
	if (rec->call == MLOCK2MON_EXIT)
		return scnprintf(buf, size, " calls=%llu failures=%llu peak_kb=%llu held_kb=%llu",
				 rec->calls, rec->failures, rec->detail >> 10,
				 (rec->locked - (__u64)rec->delta) >> 10);
	return 0;
}

static size_t format_namespace(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	if (rec->ns_pid == rec->pid && rec->ns_tid == rec->tid)
		return 0;
	return scnprintf(buf, size, " ns_pid=%u ns_tid=%u", rec->ns_pid, rec->ns_tid);
}

static size_t format_loss(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	return scnprintf(buf, size, "lost=%llu seq=%llu..%llu%s\n",
			 rec->len, rec->seq, rec->seq + rec->len - 1,
			 rec->attr & MLOCK2MON_ATTR_UNFILTERED ? " unfiltered=1" : "");
}

/**
 * mlmon_format_record() - the line of a record
 * @buf: for the text
 * @size: of @buf; MLMON_LINE_MAX holds any line
 * @rec: the record, which may be a loss
 *
 * Context: any.
 * Return: the length of the line, its newline included.
 */
size_t mlmon_format_record(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

	if (rec->call == MLOCK2MON_LOST)
		return format_loss(buf, size, rec);
	n = scnprintf(buf, size, "seq=%llu ", rec->seq);
	n += format_time(buf + n, size - n, "ts", rec->ts_ns);
	n += format_caller(buf + n, size - n, rec);
	n += format_result(buf + n, size - n, rec);
	n += format_memory(buf + n, size - n, rec);
	n += format_why(buf + n, size - n, rec);
	if (rec->attr & MLOCK2MON_ATTR_LIKELY)
		n += scnprintf(buf + n, size - n, " likely=1");
	n += format_range(buf + n, size - n, rec);
	n += format_attributes(buf + n, size - n, rec->attr);
	n += format_extra(buf + n, size - n, rec);
	n += format_namespace(buf + n, size - n, rec);
	return n + scnprintf(buf + n, size - n, "\n");
}

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

/*
 * A line as it grows. printf() reads its format over again for each record, which
 * costs more than all else that a reader of text makes the kernel do.
 */
struct line {
	char	*at;
	char	*end;		/* where the NUL goes at the latest */
};

static struct line line_in(char *buf, size_t size)
{
	return (struct line){ .at = buf, .end = size ? buf + size - 1 : buf };
}

static size_t line_end(struct line *line, const char *buf, size_t size)
{
	if (size)
		*line->at = '\0';
	return line->at - buf;
}

/* What there is no room for is left out. */
static void put_char(struct line *line, char c)
{
	if (line->at < line->end)
		*line->at++ = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text && line->at < line->end)
		*line->at++ = *text++;
}

/* The digits of @value, in base 10 or 16, @width at least. */
static __always_inline void put_digits(struct line *line, __u64 value, unsigned int base,
				       unsigned int width)
{
	char digit[20];
	unsigned int n = 0;

	do {
		digit[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || n < width);
	while (n)
		put_char(line, digit[--n]);
}

static void put_unsigned(struct line *line, const char *key, __u64 value)
{
	put_text(line, key);
	put_digits(line, value, 10, 1);
}

static void put_signed(struct line *line, const char *key, __s64 value)
{
	__u64 size = value;

	put_text(line, key);
	if (value < 0) {
		put_char(line, '-');
		size = 0 - size;
	}
	put_digits(line, size, 10, 1);
}

static void put_hex(struct line *line, const char *key, __u64 value)
{
	put_text(line, key);
	put_text(line, "0x");
	put_digits(line, value, 16, 1);
}

static void put_time(struct line *line, const char *key, __u64 ns)
{
	put_unsigned(line, key, ns / NSEC_PER_SEC);
	put_char(line, '.');
	put_digits(line, ns % NSEC_PER_SEC, 10, 9);
}

static void put_comm(struct line *line, const char *comm, bool escape_space)
{
	int i;

	for (i = 0; i < MLOCK2MON_COMM_LEN && comm[i]; i++) {
		unsigned char c = comm[i];

		if (c < ' ' || c >= 0x7f || (c == ' ' && escape_space)) {
			put_text(line, "\\x");
			put_digits(line, c, 16, 2);
			continue;
		}
		if (c == '"' || c == '\\')
			put_char(line, '\\');
		put_char(line, c);
	}
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
	struct line line = line_in(buf, MLMON_COMM_TEXT);

	put_comm(&line, comm, escape_space);
	return line_end(&line, buf, MLMON_COMM_TEXT);
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

/* Only x86 has it, and no other means something else by it; recordings come from any. */
#define X86_MAP_32BIT	0x40

static const struct flag mmap_flags[] = {
	{ MAP_TYPE, MAP_SHARED, "SHARED" },
	{ MAP_TYPE, MAP_PRIVATE, "PRIVATE" },
	{ MAP_TYPE, MAP_SHARED_VALIDATE, "SHARED_VALIDATE" },
	{ MAP_FIXED, MAP_FIXED, "FIXED" },
	{ MAP_ANONYMOUS, MAP_ANONYMOUS, "ANONYMOUS" },
	{ X86_MAP_32BIT, X86_MAP_32BIT, "32BIT" },
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

static void put_flags(struct line *line, unsigned int call, __u32 flags)
{
	const struct flag *f = NULL;
	const char *bar = "";
	size_t nr = 0;

	if (call < ARRAY_SIZE(flags_of_call)) {
		f = flags_of_call[call].flag;
		nr = flags_of_call[call].nr;
	}
	for (; nr; nr--, f++) {
		if ((flags & f->mask) != f->value)
			continue;
		put_text(line, bar);
		put_text(line, f->name);
		bar = "|";
		flags &= ~f->mask;
	}
	if (flags)
		put_hex(line, bar, flags);
	else if (!*bar)
		put_char(line, '0');
}

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
	struct line line = line_in(buf, size);

	put_flags(&line, call, flags);
	return line_end(&line, buf, size);
}

static void put_caller(struct line *line, const struct mlock2mon_record *rec)
{
	put_unsigned(line, " cpu=", rec->cpu);
	put_text(line, " call=");
	put_text(line, mlmon_call_name(rec->call));
	put_unsigned(line, " pid=", rec->pid);
	put_unsigned(line, " tid=", rec->tid);
	put_unsigned(line, " uid=", rec->uid);
	put_text(line, " comm=\"");
	put_comm(line, rec->comm, false);
	put_char(line, '"');
}

/* errno= of a result; nobody knows what the program saw of a call that never came here. */
static void put_errno(struct line *line, const struct mlock2mon_record *rec)
{
	__u64 error = rec->ret < 0 ? 0 - (__u64)rec->ret : 0;
	const char *name = error && error < 4096 ? mlmon_errno_name(error) : NULL;

	put_text(line, " errno=");
	if (rec->why == MLOCK2MON_WHY_BLOCKED)
		put_char(line, '?');
	else if (name)
		put_text(line, name);
	else
		put_unsigned(line, "", error);
}

static void put_ret(struct line *line, const struct mlock2mon_record *rec)
{
	switch (rec->call) {
	case MLOCK2MON_MMAP:
	case MLOCK2MON_MREMAP:
	case MLOCK2MON_BRK:
	case MLOCK2MON_SHMAT:
		if (rec->ret > 0) {
			put_hex(line, " ret=", rec->ret);
			return;
		}
		break;
	default:
		break;
	}
	put_signed(line, " ret=", rec->ret);
}

static void put_result(struct line *line, const struct mlock2mon_record *rec)
{
	put_hex(line, " addr=", rec->addr);
	put_unsigned(line, " len=", rec->len);
	put_text(line, " flags=");
	put_flags(line, rec->call, rec->flags);
	put_ret(line, rec);
	put_errno(line, rec);
	put_unsigned(line, " dur_ns=", rec->dur_ns);
}

static void put_memory(struct line *line, const struct mlock2mon_record *rec)
{
	put_unsigned(line, " locked_kb=", rec->locked >> 10);
	put_signed(line, " delta_kb=", rec->delta / 1024);
	if (rec->limit == ~0ULL)
		put_text(line, " limit_kb=unlimited");
	else
		put_unsigned(line, " limit_kb=", rec->limit >> 10);
	put_unsigned(line, " cap=", !!(rec->attr & MLOCK2MON_ATTR_CAP));
	put_unsigned(line, " cgroup=", rec->cgroup);
}

static void put_why(struct line *line, const struct mlock2mon_record *rec)
{
	if (rec->why == MLOCK2MON_WHY_NONE)
		return;
	put_text(line, " why=");
	put_text(line, mlmon_why_name(rec->why));
	/* Of some related calls it is not known. */
	if (rec->why == MLOCK2MON_WHY_LIMIT && (rec->detail || rec->call < MLOCK2MON_MMAP))
		put_unsigned(line, " short_kb=", rec->detail >> 10);
	if (rec->why == MLOCK2MON_WHY_MAPS)
		put_unsigned(line, " max_maps=", rec->detail);
	if (rec->why == MLOCK2MON_WHY_NEAR_LIMIT)
		put_unsigned(line, " headroom_kb=", rec->detail >> 10);
}

/**
 * mlmon_page_range() - the pages that the range of a call stands for
 * @rec: the record
 * @addr: of the first page
 * @len: bytes from there
 *
 * Context: any.
 * Return: true if there is a range, and it does not begin and end with a page.
 */
bool mlmon_page_range(const struct mlock2mon_record *rec, __u64 *addr, __u64 *len)
{
	struct mlmon_facts facts = {
		.addr = rec->addr,
		.len = rec->len,
		.page_shift = mlmon_page_shift(),
	};

	if (rec->call != MLOCK2MON_MLOCK2 && rec->call != MLOCK2MON_MLOCK &&
	    rec->call != MLOCK2MON_MUNLOCK)
		return false;
	*addr = mlmon_page_addr(&facts);
	*len = mlmon_page_len(&facts);
	return *addr != rec->addr || *len != rec->len;
}

static void put_range(struct line *line, const struct mlock2mon_record *rec)
{
	__u64 addr, len;

	if (!mlmon_page_range(rec, &addr, &len))
		return;
	put_hex(line, " page_addr=", addr);
	put_unsigned(line, " page_len=", len);
}

static void put_attributes(struct line *line, __u16 attr)
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
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (attr & names[i].bit)
			put_text(line, names[i].text);
}

/* What shares its place in the record: which of it is there depends on call and attr. */
static void put_extra(struct line *line, const struct mlock2mon_record *rec)
{
	if (rec->attr & MLOCK2MON_ATTR_REPEAT) {
		put_unsigned(line, " repeat=", rec->repeat);
		put_time(line, " last=", rec->last_ns);
	} else if (rec->call == MLOCK2MON_MREMAP) {
		put_unsigned(line, " old_len=", rec->old_len);
		put_hex(line, " new_addr=", rec->new_addr);
	} else if (rec->call == MLOCK2MON_EXIT) {
		put_unsigned(line, " calls=", rec->calls);
		put_unsigned(line, " failures=", rec->failures);
		put_unsigned(line, " peak_kb=", rec->detail >> 10);
		put_unsigned(line, " held_kb=", (rec->locked - (__u64)rec->delta) >> 10);
	}
}

static void put_namespace(struct line *line, const struct mlock2mon_record *rec)
{
	if (rec->ns_pid == rec->pid && rec->ns_tid == rec->tid)
		return;
	put_unsigned(line, " ns_pid=", rec->ns_pid);
	put_unsigned(line, " ns_tid=", rec->ns_tid);
}

static void put_loss(struct line *line, const struct mlock2mon_record *rec)
{
	put_unsigned(line, "lost=", rec->len);
	put_unsigned(line, " seq=", rec->seq);
	put_unsigned(line, "..", rec->seq + rec->len - 1);
	if (rec->attr & MLOCK2MON_ATTR_UNFILTERED)
		put_text(line, " unfiltered=1");
}

static void put_call(struct line *line, const struct mlock2mon_record *rec)
{
	put_unsigned(line, "seq=", rec->seq);
	put_time(line, " ts=", rec->ts_ns);
	put_caller(line, rec);
	put_result(line, rec);
	put_memory(line, rec);
	put_why(line, rec);
	if (rec->attr & MLOCK2MON_ATTR_LIKELY)
		put_text(line, " likely=1");
	put_range(line, rec);
	put_attributes(line, rec->attr);
	put_extra(line, rec);
	put_namespace(line, rec);
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
	struct line line = line_in(buf, size);

	if (rec->call == MLOCK2MON_LOST)
		put_loss(&line, rec);
	else
		put_call(&line, rec);
	put_char(&line, '\n');
	return line_end(&line, buf, size);
}

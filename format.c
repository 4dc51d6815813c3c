// SPDX-License-Identifier: GPL-2.0
/*
 * Text: the names of things, and the line of a record. No byte that a user
 * can choose reaches a line unescaped.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/string.h>
#include "internal.h"
#include "why.h"

static const char * const call_names[] = {
	[MLOCK2MON_MLOCK2]	= "mlock2",
	[MLOCK2MON_MLOCK]	= "mlock",
	[MLOCK2MON_MUNLOCK]	= "munlock",
	[MLOCK2MON_MLOCKALL]	= "mlockall",
	[MLOCK2MON_MUNLOCKALL]	= "munlockall",
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

/**
 * mlmon_errno_name() - the name of an error the family is known to give
 * @error: positive errno
 *
 * Context: any.
 * Return: the name, or NULL.
 */
const char *mlmon_errno_name(int error)
{
	switch (error) {
	case EPERM:
		return "EPERM";
	case ENOMEM:
		return "ENOMEM";
	case EAGAIN:
		return "EAGAIN";
	case EINTR:
		return "EINTR";
	case EINVAL:
		return "EINVAL";
	default:
		return NULL;
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

static size_t format_bits(char *buf, size_t size, u32 flags, const char * const *names)
{
	size_t n = 0;
	u32 bit;

	for (bit = 1; *names; names++, bit <<= 1) {
		if (flags & bit)
			n += scnprintf(buf + n, size - n, "%s%s", n ? "|" : "", *names);
		flags &= ~bit;
	}
	if (flags || !n)
		n += scnprintf(buf + n, size - n, n ? "|0x%x" : flags ? "0x%x" : "%x", flags);
	return n;
}

/**
 * mlmon_format_flags() - the flags argument of a call
 * @buf: for the text
 * @size: of @buf
 * @call: enum mlock2mon_call
 * @flags: as passed
 *
 * Context: any.
 * Return: the length of the text.
 */
size_t mlmon_format_flags(char *buf, size_t size, unsigned int call, u32 flags)
{
	static const char * const mlock2_names[] = { "ONFAULT", NULL };
	static const char * const mlockall_names[] = { "CURRENT", "FUTURE", "ONFAULT", NULL };

	return format_bits(buf, size, flags,
			   call == MLOCK2MON_MLOCKALL ? mlockall_names : mlock2_names);
}

static size_t format_time(char *buf, size_t size, const char *key, u64 ns)
{
	u32 rest;
	u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

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

static size_t format_result(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	const char *name = mlmon_errno_name(-rec->ret);
	size_t n;

	n = scnprintf(buf, size, " addr=0x%llx len=%llu flags=", rec->addr, rec->len);
	n += mlmon_format_flags(buf + n, size - n, rec->call, rec->flags);
	n += scnprintf(buf + n, size - n, " ret=%lld", rec->ret);
	if (name)
		n += scnprintf(buf + n, size - n, " errno=%s", name);
	else
		n += scnprintf(buf + n, size - n, " errno=%lld", rec->ret < 0 ? -rec->ret : 0);
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
	if (rec->why == MLOCK2MON_WHY_LIMIT)
		n += scnprintf(buf + n, size - n, " short_kb=%llu", rec->detail >> 10);
	if (rec->why == MLOCK2MON_WHY_MAPS)
		n += scnprintf(buf + n, size - n, " max_maps=%llu", rec->detail);
	return n;
}

static size_t format_range(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	struct mlmon_facts facts = {
		.addr = rec->addr,
		.len = rec->len,
		.page_shift = PAGE_SHIFT,
	};

	if (mlmon_page_addr(&facts) == rec->addr && mlmon_page_len(&facts) == rec->len)
		return 0;
	return scnprintf(buf, size, " page_addr=0x%llx page_len=%llu",
			 mlmon_page_addr(&facts), mlmon_page_len(&facts));
}

static size_t format_attributes(char *buf, size_t size, u16 attr)
{
	static const struct {
		u16		bit;
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

/**
 * mlmon_format_record() - the line of a record
 * @buf: for the text
 * @size: of @buf; MLMON_LINE_MAX holds any line
 * @rec: the record
 *
 * Context: any.
 * Return: the length of the line, its newline included.
 */
size_t mlmon_format_record(char *buf, size_t size, const struct mlock2mon_record *rec)
{
	size_t n;

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
	return n + scnprintf(buf + n, size - n, "\n");
}

/**
 * mlmon_format_loss() - the line of a loss
 * @buf: for the text
 * @size: of @buf; MLMON_LINE_MAX holds any line
 * @seq: the first record lost
 * @lost: how many
 *
 * Context: any.
 * Return: the length of the line, its newline included.
 */
size_t mlmon_format_loss(char *buf, size_t size, u64 seq, u64 lost)
{
	return scnprintf(buf, size, "lost=%llu seq=%llu..%llu\n", lost, seq, seq + lost - 1);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which records a reader wants: pure functions of a filter and a record, so that
 * the kernel and a reader of the mapped ring mean the same by a filter.
 */
#ifndef MLMON_FILTER_H
#define MLMON_FILTER_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif
#include "mlock2mon.h"

static inline bool mlmon_filter_has(const struct mlock2mon_filter *f, __u32 field)
{
	return f->fields & field;
}

/**
 * mlmon_filter_valid() - is a filter as mlock2mon.h wants it
 * @f: from a user
 *
 * Context: any.
 * Return: false if it must be refused with EINVAL.
 */
static inline bool mlmon_filter_valid(const struct mlock2mon_filter *f)
{
	if (f->fields & ~MLOCK2MON_FILTER_ALL || f->reserved[0] || f->reserved[1])
		return false;
	if (f->calls >> MLOCK2MON_NR_CALLS)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_CALLS) != !!f->calls ||
	    mlmon_filter_has(f, MLOCK2MON_FILTER_NEAR) != !!f->near_bytes)
		return false;
	return (mlmon_filter_has(f, MLOCK2MON_FILTER_TGID) || !f->tgid) &&
	       (mlmon_filter_has(f, MLOCK2MON_FILTER_UID) || !f->uid) &&
	       (mlmon_filter_has(f, MLOCK2MON_FILTER_CGROUP) || !f->cgroup) &&
	       (mlmon_filter_has(f, MLOCK2MON_FILTER_MIN_BYTES) || !f->min_bytes) &&
	       (mlmon_filter_has(f, MLOCK2MON_FILTER_MIN_DUR) || !f->min_dur_ns);
}

/**
 * mlmon_near_limit() - did a call leave little headroom
 * @rec: a record
 * @near: bytes, below which headroom is little
 *
 * Context: any.
 * Return: true for a plain success of a call that locks, by a task without CAP_IPC_LOCK.
 */
static inline bool mlmon_near_limit(const struct mlock2mon_record *rec, __u64 near)
{
	if (rec->attr & MLOCK2MON_ATTR_CAP || rec->limit == ~0ULL)
		return false;
	if (rec->why != MLOCK2MON_WHY_NONE && rec->why != MLOCK2MON_WHY_NEAR_LIMIT)
		return false;
	switch (rec->call) {
	case MLOCK2MON_MLOCK2:
	case MLOCK2MON_MLOCK:
	case MLOCK2MON_MLOCKALL:
	case MLOCK2MON_MMAP:
	case MLOCK2MON_MREMAP:
	case MLOCK2MON_BRK:
	case MLOCK2MON_SHMAT:
		break;
	default:
		return false;
	}
	return rec->delta >= 0 && rec->ret >= 0 &&
	       (rec->locked >= rec->limit || rec->limit - rec->locked < near);
}

/**
 * mlmon_mark_near_limit() - say that a call left little headroom
 * @rec: the record, for which mlmon_near_limit() is true
 *
 * Context: any.
 */
static inline void mlmon_mark_near_limit(struct mlock2mon_record *rec)
{
	rec->why = MLOCK2MON_WHY_NEAR_LIMIT;
	rec->detail = rec->limit > rec->locked ? rec->limit - rec->locked : 0;
}

/**
 * mlmon_filter_pass() - is a record one that a filter lets through
 * @f: a valid filter
 * @rec: the record; marked as near the limit if that is what the filter asks for
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool mlmon_filter_pass(const struct mlock2mon_filter *f,
				     struct mlock2mon_record *rec)
{
	if (!f->fields)
		return true;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_CALLS) && !(f->calls >> rec->call & 1))
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_TGID) && rec->pid != f->tgid)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_UID) && rec->uid != f->uid)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_CGROUP) && rec->cgroup != f->cgroup)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_FAILURES) && rec->ret >= 0)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_MIN_BYTES) && rec->len < f->min_bytes)
		return false;
	if (mlmon_filter_has(f, MLOCK2MON_FILTER_MIN_DUR) && rec->dur_ns < f->min_dur_ns)
		return false;
	if (!mlmon_filter_has(f, MLOCK2MON_FILTER_NEAR))
		return true;
	if (!mlmon_near_limit(rec, f->near_bytes))
		return false;
	mlmon_mark_near_limit(rec);
	return true;
}

#endif /* MLMON_FILTER_H */

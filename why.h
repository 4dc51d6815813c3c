/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reason classifier: from the facts of one call to the reason of its
 * result. Pure functions of their argument: no locks, no state, nothing of the
 * kernel's, so that user space can compile and test them.
 *
 * The checks follow the order in which mm/mlock.c makes them. What they found
 * is inferred from what the call left behind; where two reasons would have
 * left the same traces, the verdict says `likely`.
 */
#ifndef MLMON_WHY_H
#define MLMON_WHY_H

#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#include <stdbool.h>
#endif
#include "mlock2mon.h"

#define MLMON_MLOCK_ONFAULT	0x1
#define MLMON_MAP_FIXED		0x10
#define MLMON_MAP_LOCKED	0x2000
#define MLMON_SHM_REMAP		0x4000
#define MLMON_MCL_CURRENT	0x1
#define MLMON_MCL_FUTURE	0x2
#define MLMON_MCL_ONFAULT	0x4
#define MLMON_MCL_ALL		(MLMON_MCL_CURRENT | MLMON_MCL_FUTURE | MLMON_MCL_ONFAULT)

/* Did the call get as far as bringing pages in? */
enum mlmon_populated {
	MLMON_POPULATE_UNKNOWN,
	MLMON_POPULATE_NO,
	MLMON_POPULATE_YES,
};

/**
 * struct mlmon_facts - what is known of a call that has returned
 * @addr: as passed
 * @len: as passed, bytes
 * @ret: 0 or -errno
 * @before: locked memory of the mm at entry, pages
 * @after: the same at return
 * @total_vm: size of the mm at return, pages
 * @limit: RLIMIT_MEMLOCK at entry, bytes, ~0 for unlimited
 * @map_count: mappings of the mm at return
 * @max_map_count: vm.max_map_count, 0 if unknown
 * @flags: as passed
 * @call: enum mlock2mon_call
 * @populated: see above
 * @page_shift: log2 of the page size
 * @cap: CAP_IPC_LOCK effective in the initial user namespace
 * @asks: a related call that is to lock memory
 * @old_len: of mremap, bytes
 * @shared: others used the mm at entry or return; what they map, unmap and lock
 *          is mixed into all that is known of it
 * @looked: the range was looked at after the call, so @hole is known
 * @measured: and so is @overlap
 * @overlap: pages of the range that are locked
 * @hole: part of the range is not mapped
 * @future_changed: what later mappings inherit is not what it was at entry
 */
struct mlmon_facts {
	__u64	addr;
	__u64	len;
	__s64	ret;
	__u64	before;
	__u64	after;
	__u64	total_vm;
	__u64	limit;
	__u64	map_count;
	__u64	max_map_count;
	__u32	flags;
	__u8	call;
	__u8	populated;
	__u8	page_shift;
	bool	cap;
	bool	shared;
	bool	asks;
	bool	looked;
	bool	measured;
	__u64	old_len;
	__u64	overlap;
	bool	hole;
	bool	future_changed;
};

/**
 * struct mlmon_verdict - the reason of a result
 * @detail: the number that explains @why, see enum mlock2mon_why
 * @why: enum mlock2mon_why
 * @likely: @why was found by exclusion
 */
struct mlmon_verdict {
	__u64	detail;
	__u8	why;
	bool	likely;
};

/* The range as the kernel rounds it; all arithmetic wraps, as the kernel's does. */
static __always_inline __u64 mlmon_page_addr(const struct mlmon_facts *f)
{
	return f->addr & ~((1ULL << f->page_shift) - 1);
}

static __always_inline __u64 mlmon_page_len(const struct mlmon_facts *f)
{
	__u64 mask = (1ULL << f->page_shift) - 1;

	return (f->len + (f->addr & mask) + mask) & ~mask;
}

static __always_inline struct mlmon_verdict mlmon_verdict(__u8 why, bool likely, __u64 detail)
{
	struct mlmon_verdict v = { .detail = detail, .why = why, .likely = likely };

	return v;
}

/* Pages as bytes; a length may ask for more than can be told, then as many as can. */
static inline __u64 mlmon_page_bytes(const struct mlmon_facts *f, __u64 pages)
{
	__u64 most = ~0ULL >> f->page_shift;

	return (pages < most ? pages : most) << f->page_shift;
}

static inline bool mlmon_flags_valid(const struct mlmon_facts *f)
{
	switch (f->call) {
	case MLOCK2MON_MLOCK2:
		return !(f->flags & ~MLMON_MLOCK_ONFAULT);
	case MLOCK2MON_MLOCKALL:
		return f->flags && !(f->flags & ~MLMON_MCL_ALL) && f->flags != MLMON_MCL_ONFAULT;
	default:
		return true;
	}
}

/* mlockall compares the whole mm with the limit. */
static inline struct mlmon_verdict mlmon_why_enomem_all(const struct mlmon_facts *f)
{
	__u64 limit = f->limit >> f->page_shift;
	__u64 over = f->total_vm > limit ? f->total_vm - limit : 0;

	return mlmon_verdict(MLOCK2MON_WHY_LIMIT, !over || f->cap, mlmon_page_bytes(f, over));
}

/*
 * ENOMEM of a call on a range, the limit not being the reason: the map count
 * (a mapping had to be split), a hole, or, for calls that lock, a page that
 * could not be brought in.
 */
static inline struct mlmon_verdict mlmon_why_enomem_map(const struct mlmon_facts *f)
{
	bool locks = f->call != MLOCK2MON_MUNLOCK;
	bool full = f->max_map_count && f->map_count >= f->max_map_count;
	bool unsure = locks && f->populated == MLMON_POPULATE_UNKNOWN;
	__u64 need = mlmon_page_len(f) >> f->page_shift;

	if (locks && f->populated == MLMON_POPULATE_YES)
		return mlmon_verdict(MLOCK2MON_WHY_POPULATE, false, 0);
	/* Every page of the range was newly locked, so there was neither hole nor split. */
	if (locks && need && f->after - f->before == need)
		return mlmon_verdict(MLOCK2MON_WHY_POPULATE, false, 0);
	/* With a hole as well, it depends on which of the two came first in the range. */
	if (full)
		return mlmon_verdict(MLOCK2MON_WHY_MAPS, !f->looked || f->hole, f->max_map_count);
	if (!f->looked)
		return mlmon_verdict(MLOCK2MON_WHY_HOLE, unsure, 0);
	if (f->hole)
		return mlmon_verdict(MLOCK2MON_WHY_HOLE, false, 0);
	if (unsure)
		return mlmon_verdict(MLOCK2MON_WHY_POPULATE, false, 0);
	/* Others may have filled the hole before it was looked for. */
	if (f->shared)
		return mlmon_verdict(MLOCK2MON_WHY_HOLE, true, 0);
	return mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);
}

/*
 * Did a call that would have been over the limit get past that check? With the
 * mm shared, a change of the locked memory may be somebody else's.
 */
static inline bool mlmon_forgiven(const struct mlmon_facts *f)
{
	return f->populated == MLMON_POPULATE_YES || (f->after != f->before && !f->shared);
}

/*
 * The kernel compares the range and all that is locked with the limit, less
 * what of the range was locked before. Where that overlap is not known, it is
 * at most the smaller of the two: if what remains is over the limit even so,
 * the limit is certain.
 */
static inline struct mlmon_verdict mlmon_why_enomem(const struct mlmon_facts *f)
{
	__u64 limit = f->limit >> f->page_shift;
	__u64 need = mlmon_page_len(f) >> f->page_shift;
	__u64 want = need + f->before - (f->measured ? f->overlap : 0);
	__u64 least = need > f->before ? need : f->before;
	struct mlmon_verdict v;

	if (f->call == MLOCK2MON_MUNLOCK || need + f->before <= limit || mlmon_forgiven(f))
		return mlmon_why_enomem_map(f);
	if (f->cap) {
		/* A security module may deny what the capability would allow. */
		v = mlmon_why_enomem_map(f);
		if (v.why != MLOCK2MON_WHY_OTHER || want <= limit)
			return v;
		return mlmon_verdict(MLOCK2MON_WHY_LIMIT, true, mlmon_page_bytes(f, want - limit));
	}
	if (want <= limit)
		return mlmon_why_enomem_map(f);
	return mlmon_verdict(MLOCK2MON_WHY_LIMIT, least <= limit && !f->measured,
			     mlmon_page_bytes(f, want - limit));
}

static inline struct mlmon_verdict mlmon_why_failure(const struct mlmon_facts *f)
{
	switch (f->ret) {
	case -EINVAL:
		if (!mlmon_flags_valid(f))
			return mlmon_verdict(MLOCK2MON_WHY_FLAGS, false, 0);
		return mlmon_verdict(MLOCK2MON_WHY_RANGE, false, 0);
	case -EPERM:
		return mlmon_verdict(MLOCK2MON_WHY_PERM, f->limit != 0 || f->cap, 0);
	case -ENOMEM:
		if (f->call == MLOCK2MON_MLOCKALL)
			return mlmon_why_enomem_all(f);
		return mlmon_why_enomem(f);
	case -EAGAIN:
		return mlmon_verdict(MLOCK2MON_WHY_NOMEM, false, 0);
	case -EINTR:
		return mlmon_verdict(MLOCK2MON_WHY_KILLED, false, 0);
	default:
		/* Errors of bringing a page in pass through, a poisoned one's for example. */
		if (f->populated == MLMON_POPULATE_YES)
			return mlmon_verdict(MLOCK2MON_WHY_POPULATE, false, 0);
		return mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);
	}
}

/* A success that left the locked memory as it was. */
static __always_inline struct mlmon_verdict mlmon_why_unchanged(const struct mlmon_facts *f)
{
	bool all = f->call == MLOCK2MON_MLOCKALL || f->call == MLOCK2MON_MUNLOCKALL;
	bool locks = f->call == MLOCK2MON_MLOCK || f->call == MLOCK2MON_MLOCK2;
	__u64 need = mlmon_page_len(f) >> f->page_shift;

	if (all && f->future_changed)
		return mlmon_verdict(MLOCK2MON_WHY_NONE, false, 0);
	/* mlockall may have turned locks on fault into plain ones, or the reverse. */
	if (all)
		return mlmon_verdict(MLOCK2MON_WHY_ALREADY, f->flags & MLMON_MCL_CURRENT, 0);
	if (!need)
		return mlmon_verdict(MLOCK2MON_WHY_EMPTY, false, 0);
	if (!locks)
		return mlmon_verdict(MLOCK2MON_WHY_ALREADY, false, 0);
	if (f->measured)
		return mlmon_verdict(f->overlap == need ? MLOCK2MON_WHY_ALREADY :
				     MLOCK2MON_WHY_UNLOCKABLE, false, 0);
	/* What is not lockable can be told from what was locked only by the amount. */
	if (f->before < need)
		return mlmon_verdict(MLOCK2MON_WHY_UNLOCKABLE, false, 0);
	return mlmon_verdict(MLOCK2MON_WHY_ALREADY, true, 0);
}

/* What a related call was to add to the locked memory, pages. */
static inline __u64 mlmon_growth(const struct mlmon_facts *f)
{
	__u64 mask = (1ULL << f->page_shift) - 1;
	__u64 from = f->call == MLOCK2MON_MREMAP ? (f->old_len + mask) >> f->page_shift : 0;
	__u64 to = (f->len + mask) >> f->page_shift;

	return to > from ? to - from : 0;
}

/*
 * A related call that was to lock memory, or to make locked memory grow, and
 * may not. Where it is not known how much, the limit is likely.
 */
static inline struct mlmon_verdict mlmon_why_over(const struct mlmon_facts *f)
{
	__u64 limit = f->limit >> f->page_shift;
	__u64 want = f->before + mlmon_growth(f);
	bool sized = f->call == MLOCK2MON_MMAP || f->call == MLOCK2MON_MREMAP ||
		     f->call == MLOCK2MON_BRK;

	if (f->cap || (sized && want <= limit))
		return mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);
	if (!sized)
		return mlmon_verdict(MLOCK2MON_WHY_LIMIT, f->call != MLOCK2MON_SHMCTL, 0);
	return mlmon_verdict(MLOCK2MON_WHY_LIMIT, false, mlmon_page_bytes(f, want - limit));
}

static inline struct mlmon_verdict mlmon_why_related_enomem(const struct mlmon_facts *f)
{
	struct mlmon_verdict v = mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);

	/* shmctl and brk have no better word for it. */
	if (f->call == MLOCK2MON_SHMCTL || f->call == MLOCK2MON_BRK)
		v = mlmon_why_over(f);
	/* Some calls want room for more than one mapping. */
	if (v.why == MLOCK2MON_WHY_OTHER && f->call != MLOCK2MON_SHMCTL && f->max_map_count &&
	    f->map_count + 3 >= f->max_map_count)
		return mlmon_verdict(MLOCK2MON_WHY_MAPS, true, f->max_map_count);
	return v;
}

static inline struct mlmon_verdict mlmon_why_related_failure(const struct mlmon_facts *f)
{
	bool perm = !f->limit && !f->cap;

	switch (f->ret) {
	case -EPERM:
		if (f->call == MLOCK2MON_SHMCTL)
			return mlmon_verdict(MLOCK2MON_WHY_PERM, !perm, 0);
		if (f->call == MLOCK2MON_MMAP && f->flags & MLMON_MAP_LOCKED && perm)
			return mlmon_verdict(MLOCK2MON_WHY_PERM, false, 0);
		return mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);
	case -EAGAIN:
		return mlmon_why_over(f);
	case -ENOMEM:
		return mlmon_why_related_enomem(f);
	case -EINTR:
		return mlmon_verdict(MLOCK2MON_WHY_KILLED, false, 0);
	default:
		return mlmon_verdict(MLOCK2MON_WHY_OTHER, false, 0);
	}
}

static inline struct mlmon_verdict mlmon_why_related(const struct mlmon_facts *f)
{
	bool fixed = (f->call == MLOCK2MON_MMAP && f->flags & MLMON_MAP_FIXED) ||
		     (f->call == MLOCK2MON_SHMAT && f->flags & MLMON_SHM_REMAP);

	if (f->ret < 0)
		return mlmon_why_related_failure(f);
	/* What shmctl locks is the user's, not the process's. */
	if (f->after != f->before || !f->asks || f->call == MLOCK2MON_SHMCTL)
		return mlmon_verdict(MLOCK2MON_WHY_NONE, false, 0);
	/* It may have taken the place of as much that was locked. */
	if (fixed)
		return mlmon_verdict(MLOCK2MON_WHY_NONE, false, 0);
	return mlmon_verdict(MLOCK2MON_WHY_UNLOCKABLE, false, 0);
}

/* Does a reason rest on what others may have changed, if the mm is shared? */
static __always_inline bool mlmon_why_inferred(const struct mlmon_facts *f, __u8 why)
{
	switch (why) {
	case MLOCK2MON_WHY_LIMIT:
	case MLOCK2MON_WHY_HOLE:
	case MLOCK2MON_WHY_MAPS:
	case MLOCK2MON_WHY_ALREADY:
	case MLOCK2MON_WHY_UNLOCKABLE:
		return true;
	case MLOCK2MON_WHY_POPULATE:
		return f->populated != MLMON_POPULATE_YES;
	default:
		return false;
	}
}

/**
 * mlmon_why_success() - the reason of a success of the mlock family
 * @f: the facts of a call that has returned; those that only failures and related
 *     calls leave may be missing
 *
 * Context: any.
 * Return: the verdict; why is MLOCK2MON_WHY_NONE for a plain success.
 */
static __always_inline struct mlmon_verdict mlmon_why_success(const struct mlmon_facts *f)
{
	struct mlmon_verdict v = mlmon_verdict(MLOCK2MON_WHY_NONE, false, 0);

	if (f->after == f->before)
		v = mlmon_why_unchanged(f);
	if (f->shared && mlmon_why_inferred(f, v.why))
		v.likely = true;
	return v;
}

/**
 * mlmon_why() - the reason of a result
 * @f: the facts of a call that has returned
 *
 * Context: any.
 * Return: the verdict; why is MLOCK2MON_WHY_NONE for a plain success.
 */
static inline struct mlmon_verdict mlmon_why(const struct mlmon_facts *f)
{
	struct mlmon_verdict v;

	if (f->call > MLOCK2MON_MUNLOCKALL)
		v = mlmon_why_related(f);
	else if (f->ret < 0)
		v = mlmon_why_failure(f);
	else
		return mlmon_why_success(f);
	if (f->shared && mlmon_why_inferred(f, v.why))
		v.likely = true;
	return v;
}

#endif /* MLMON_WHY_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a call that has returned to the reason of its result.
 */
#ifndef MLMON_JUDGE_H
#define MLMON_JUDGE_H

#include <linux/mm.h>
#include "internal.h"
#include "why.h"

/* Did others use the mm? */
static inline bool mlmon_in_company(const struct mlmon_pending *pending, struct mm_struct *mm)
{
	return pending->flight.overlap || atomic_read(&mm->mm_users) > 1;
}

/* Has the call changed what later mappings inherit? */
static inline bool mlmon_future_changed(const struct mlmon_pending *pending, struct mm_struct *mm)
{
	return (READ_ONCE(mm->def_flags) ^ pending->def_flags) & (VM_LOCKED | VM_LOCKONFAULT);
}

static inline bool mlmon_has_huge_pages(struct mm_struct *mm)
{
#ifdef CONFIG_HUGETLB_PAGE
	return atomic_long_read(&mm->hugetlb_usage);
#else
	return false;
#endif
}

struct mlmon_verdict mlmon_judge(const struct mlmon_pending *pending, s64 ret,
				 u64 before, u64 after, u16 attr);

/* The same for a success of the family in a process without huge pages: few facts matter. */
static __always_inline struct mlmon_verdict
mlmon_judge_success(const struct mlmon_pending *pending, const struct mlmon_change *change)
{
	const struct mlmon_facts facts = {
		.addr		= pending->flight.addr,
		.len		= pending->flight.len,
		.before		= change->before,
		.after		= change->after,
		.flags		= pending->flight.flags,
		.call		= pending->flight.call,
		.page_shift	= PAGE_SHIFT,
		.shared		= mlmon_in_company(pending, current->mm),
		.future_changed	= mlmon_future_changed(pending, current->mm),
	};

	return mlmon_why_success(&facts);
}

#endif /* MLMON_JUDGE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * The reason of a result: gathers the facts that why.h reckons with.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "judge.h"

/*
 * Who held mmap_lock last tells how far a call came: it takes the lock for
 * writing to change the map, and only then for reading to bring pages in. A
 * reader leaves its mark when it lets go, a writer leaves none. So the mark of
 * current can only be from bringing in; no mark, with nobody else about, means
 * that it was not reached. Not on PREEMPT_RT, nor where the debugging of
 * rwsems or of hung tasks wipes the mark: then the other facts must do.
 */
#if !defined(CONFIG_PREEMPT_RT) && !defined(CONFIG_DEBUG_RWSEMS) && \
	!defined(CONFIG_DETECT_HUNG_TASK_BLOCKER)
#define READERS_LEAVE_A_MARK
#endif

static enum mlmon_populated populated(struct mm_struct *mm)
{
#ifdef READERS_LEAVE_A_MARK
	unsigned long holder = atomic_long_read(&mm->mmap_lock.owner) & ~7UL;

	if (holder == (unsigned long)current)
		return MLMON_POPULATE_YES;
	if (!holder && atomic_read(&mm->mm_users) <= 1)
		return MLMON_POPULATE_NO;
#endif
	return MLMON_POPULATE_UNKNOWN;
}

/*
 * Where a look at the map settles what is left open otherwise: the several
 * kinds of ENOMEM, and a success that changed nothing in a process that has
 * huge pages, which are never locked. All else is not worth the time.
 */
static bool worth_a_look(const struct mlmon_facts *facts, struct mm_struct *mm)
{
	if (facts->call > MLOCK2MON_MUNLOCK)
		return false;
	if (facts->ret)
		return facts->ret == -ENOMEM;
	return facts->after == facts->before && mlmon_has_huge_pages(mm);
}

static void look_at_range(struct mlmon_facts *facts, struct mm_struct *mm)
{
	struct mlmon_map map;

	mlmon_map_look(mm, mlmon_page_addr(facts), mlmon_page_len(facts), &map);
	facts->looked = map.known;
	facts->measured = map.measured;
	facts->overlap = map.locked >> PAGE_SHIFT;
	facts->hole = map.hole;
	facts->shared = facts->shared || (map.known && !map.alone);
}

/**
 * mlmon_judge() - the reason of a result
 * @pending: the call, which has returned
 * @ret: its result
 * @before: locked memory at the entry, pages
 * @after: locked memory now, pages
 * @attr: what is known of MLOCK2MON_ATTR_*
 *
 * Context: preemption disabled; current has an mm.
 * Return: the verdict.
 */
struct mlmon_verdict mlmon_judge(const struct mlmon_pending *pending, s64 ret,
				 u64 before, u64 after, u16 attr)
{
	struct mm_struct *mm = current->mm;
	struct mlmon_facts facts = {
		.addr		= untagged_addr(pending->flight.addr),
		.len		= pending->flight.len,
		.old_len	= mlmon_is_related(pending) ? pending->old_len : 0,
		.ret		= ret,
		.before		= before,
		.after		= after,
		.total_vm	= READ_ONCE(mm->total_vm),
		.limit		= pending->limit,
		.map_count	= READ_ONCE(mm->map_count),
		.max_map_count	= mlmon_max_map_count ? READ_ONCE(*mlmon_max_map_count) : 0,
		.flags		= pending->flight.flags,
		.call		= pending->flight.call,
		.populated	= ret < 0 ? populated(mm) : MLMON_POPULATE_UNKNOWN,
		.page_shift	= PAGE_SHIFT,
		.cap		= attr & MLOCK2MON_ATTR_CAP,
		.asks		= mlmon_is_related(pending) && pending->asks,
		.shared		= mlmon_in_company(pending, mm),
		.future_changed	= mlmon_future_changed(pending, mm),
	};

	if (worth_a_look(&facts, mm))
		look_at_range(&facts, mm);
	return mlmon_why(&facts);
}
NOKPROBE_SYMBOL(mlmon_judge);

// SPDX-License-Identifier: GPL-2.0
/*
 * One call, from its entry to its record: the facts, what it did to the locked
 * memory, and the reason of its result.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include "filter.h"
#include "internal.h"
#include "why.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Tools read the names out of the format of an event, which has numbers only. */
static_assert(MLOCK2MON_STACK == 12 && MLOCK2MON_WHY_OTHER == 15);

/* ---- do calls on one mm overlap? -------------------------------------------------------- */

/*
 * By hash of the mm: calls inside in the low half, calls ever begun in the
 * high half. Two processes with several threads each may share a place, and
 * then take each other's calls for their own; a process with one thread is
 * never counted here, nobody can overlap with it.
 */
#define OVERLAP_BITS	9
#define OVERLAP_BEGIN	((1ULL << 32) | 1)

static atomic64_t overlap[1 << OVERLAP_BITS];

static void overlap_enter(struct mlmon_pending *pending, struct mm_struct *mm)
{
	unsigned int place;
	u64 after;

	pending->flight.overlap = 0;
	pending->racy = false;
	pending->shared = atomic_read(&mm->mm_users) > 1;
	if (!pending->shared)
		return;
	place = hash_ptr(mm, OVERLAP_BITS);
	after = atomic64_add_return(OVERLAP_BEGIN, &overlap[place]);
	pending->flight.overlap = place + 1;
	pending->generation = after >> 32;
	pending->racy = (u32)after > 1;
}

static bool overlap_leave(const struct mlmon_pending *pending)
{
	u64 after;

	if (!pending->flight.overlap)
		return false;
	after = atomic64_dec_return(&overlap[pending->flight.overlap - 1]);
	return pending->racy || (u32)(after >> 32) != pending->generation;
}

/* ---- entry ------------------------------------------------------------------------------ */

/**
 * mlmon_call_enter() - current enters a call
 * @pending: with call and arguments; gets what must be known before
 * @track: give current an account, and show the call in inflight
 *
 * Context: preemption disabled; current has an mm.
 */
void mlmon_call_enter(struct mlmon_pending *pending, bool track)
{
	struct mlmon_call_counts *counts;
	struct mm_struct *mm = current->mm;

	counts = &this_cpu_ptr(mlmon_counts)->call[pending->flight.call];
	counts->armed++;
	pending->limit = rlimit(RLIMIT_MEMLOCK);
	pending->locked = READ_ONCE(mm->locked_vm);
	pending->def_flags = READ_ONCE(mm->def_flags);
	pending->account = NULL;
	overlap_enter(pending, mm);
	trace_mlock_enter(pending);
	pending->flight.ts_ns = ktime_get_boot_fast_ns();
	if (!track)
		return;

	pending->account = mlmon_task_get();
	if (pending->account)
		mlmon_task_enter(pending->account, &pending->flight);
	else
		counts->untracked++;
}
NOKPROBE_SYMBOL(mlmon_call_enter);

/**
 * mlmon_call_abandon() - current dies inside a call
 * @flight: the call, which will never be seen to return
 *
 * Context: preemption disabled.
 */
void mlmon_call_abandon(const struct mlmon_flight *flight)
{
	this_cpu_inc(mlmon_counts->call[flight->call].abandoned);
	if (flight->overlap)
		atomic64_dec(&overlap[flight->overlap - 1]);
}

/* ---- return ----------------------------------------------------------------------------- */

/*
 * Who held mmap_lock last tells how far a call came: it takes the lock for
 * writing to change the map, and only then for reading to bring pages in. A
 * reader leaves its mark when it lets go, a writer leaves none. So the mark of
 * current can only be from bringing in; no mark, with nobody else about, means
 * that it was not reached. Not on PREEMPT_RT, nor where the debugging of
 * rwsems wipes the mark: then the other facts must do.
 */
static enum mlmon_populated populated(struct mm_struct *mm)
{
#if !defined(CONFIG_PREEMPT_RT) && !defined(CONFIG_DEBUG_RWSEMS)
	unsigned long holder = atomic_long_read(&mm->mmap_lock.owner) & ~7UL;

	if (holder == (unsigned long)current)
		return MLMON_POPULATE_YES;
	if (!holder && atomic_read(&mm->mm_users) <= 1)
		return MLMON_POPULATE_NO;
#endif
	return MLMON_POPULATE_UNKNOWN;
}

static bool asked_onfault(const struct mlmon_pending *pending)
{
	switch (pending->flight.call) {
	case MLOCK2MON_MLOCK2:
		return pending->flight.flags & MLMON_MLOCK_ONFAULT;
	case MLOCK2MON_MLOCKALL:
		return pending->flight.flags & MLMON_MCL_ONFAULT;
	default:
		return pending->asks && pending->def_flags & VM_LOCKONFAULT;
	}
}

static void fill_call(struct mlock2mon_record *rec, const struct mlmon_pending *pending, u64 now,
		      s64 ret)
{
	const struct mlmon_flight *flight = &pending->flight;

	rec->ts_ns = flight->ts_ns;
	/* The fast clock may step back a little while it is being adjusted. */
	rec->dur_ns = now > flight->ts_ns ? now - flight->ts_ns : 0;
	rec->addr = flight->addr;
	rec->len = flight->len;
	rec->flags = flight->flags;
	rec->call = flight->call;
	rec->ret = ret;
	rec->limit = pending->limit;
	rec->attr = mlmon_record_capability();
	rec->old_len = pending->old_len;
	rec->new_addr = pending->new_addr;
	if (pending->compat)
		rec->attr |= MLOCK2MON_ATTR_COMPAT;
	if (asked_onfault(pending))
		rec->attr |= MLOCK2MON_ATTR_ONFAULT;
	if (pending->racy)
		rec->attr |= MLOCK2MON_ATTR_RACY;
}

static bool has_huge_pages(struct mm_struct *mm)
{
#ifdef CONFIG_HUGETLB_PAGE
	return atomic_long_read(&mm->hugetlb_usage);
#else
	return false;
#endif
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
	return facts->after == facts->before && has_huge_pages(mm);
}

static void look_at_range(struct mlmon_facts *facts, struct mm_struct *mm)
{
	struct mlmon_map map;

	mlmon_map_look(mm, mlmon_page_addr(facts), mlmon_page_len(facts), &map);
	facts->looked = map.known;
	facts->overlap = map.locked >> PAGE_SHIFT;
	facts->hole = map.hole;
	facts->shared = facts->shared || (map.known && !map.alone);
}

static void fill_memory(struct mlock2mon_record *rec, const struct mlmon_pending *pending,
			const struct mlmon_change *change)
{
	struct mm_struct *mm = current->mm;
	struct mlmon_facts facts = {
		.addr		= rec->addr,
		.len		= rec->len,
		.old_len	= pending->old_len,
		.ret		= rec->ret,
		.before		= change->before,
		.after		= change->after,
		.total_vm	= READ_ONCE(mm->total_vm),
		.limit		= rec->limit,
		.map_count	= READ_ONCE(mm->map_count),
		.max_map_count	= mlmon_max_map_count ? READ_ONCE(*mlmon_max_map_count) : 0,
		.flags		= rec->flags,
		.call		= rec->call,
		.populated	= rec->ret < 0 ? populated(mm) : MLMON_POPULATE_UNKNOWN,
		.page_shift	= PAGE_SHIFT,
		.cap		= rec->attr & MLOCK2MON_ATTR_CAP,
		.asks		= pending->asks,
		.shared		= pending->shared || atomic_read(&mm->mm_users) > 1,
		.future_changed	= (READ_ONCE(mm->def_flags) ^ pending->def_flags) &
				  (VM_LOCKED | VM_LOCKONFAULT),
	};
	struct mlmon_verdict verdict;

	if (worth_a_look(&facts, mm))
		look_at_range(&facts, mm);
	verdict = mlmon_why(&facts);

	rec->locked = change->after << PAGE_SHIFT;
	rec->delta = change->delta * (s64)PAGE_SIZE;
	rec->why = verdict.why;
	rec->detail = verdict.detail;
	if (verdict.likely)
		rec->attr |= MLOCK2MON_ATTR_LIKELY;
	if (mlmon_near_bytes && mlmon_near_limit(rec, mlmon_near_bytes))
		mlmon_mark_near_limit(rec);
}

static enum mlmon_errno errno_index(s64 ret)
{
	switch (ret) {
	case -EPERM:
		return MLMON_EPERM;
	case -ENOMEM:
		return MLMON_ENOMEM;
	case -EAGAIN:
		return MLMON_EAGAIN;
	case -EINTR:
		return MLMON_EINTR;
	case -EINVAL:
		return MLMON_EINVAL;
	default:
		return MLMON_EOTHER;
	}
}

static void count_return(struct mlmon_call_counts *counts, const struct mlock2mon_record *rec)
{
	counts->returns++;
	counts->why[rec->why]++;
	counts->bucket[min(fls64(rec->dur_ns), MLMON_NR_BUCKETS - 1)]++;
	if (rec->ret < 0) {
		counts->failures++;
		counts->error[errno_index(rec->ret)]++;
	}
}

/* What became of the locked memory. False if a related call is not worth a record. */
static bool find_change(struct mlmon_pending *pending, bool racy, s64 ret,
			struct mlmon_change *change)
{
	change->before = pending->locked;
	if (!mlmon_related) {
		change->after = READ_ONCE(current->mm->locked_vm);
		change->delta = change->after - change->before;
		return true;
	}
	mlmon_ledger_settle(current->mm, racy, change);
	if (change->strange && !pending->account)
		pending->account = mlmon_task_get();
	if (change->strange)
		mlmon_record_plain(MLOCK2MON_OTHER, pending->account,
				   change->after - change->delta, change->strange);
	if (pending->flight.call < MLMON_NR_FAMILY || pending->asks || change->delta)
		return true;
	return pending->flight.call == MLOCK2MON_MREMAP && ret == -EAGAIN;
}

/* The record of a return in @rec. @rec may be a slot of the ring. */
static void fill(struct mlock2mon_record *rec, const struct mlmon_pending *pending,
		 const struct mlmon_change *change, s64 ret, u64 now)
{
	fill_call(rec, pending, now, ret);
	mlmon_record_caller(rec, pending->account);
	fill_memory(rec, pending, change);
}

static void book(const struct mlmon_pending *pending, const struct mlock2mon_record *rec, u64 seq)
{
	count_return(&this_cpu_ptr(mlmon_counts)->call[rec->call], rec);
	if (pending->account)
		mlmon_task_leave(pending->account, rec);
	trace_mlock_exit(rec, seq);
}

/* A failure that may repeat the one before: it has no slot until that is known. */
static void leave_failed(const struct mlmon_pending *pending, const struct mlmon_change *change,
			 s64 ret, u64 now)
{
	struct mlock2mon_record *rec = &this_cpu_ptr(mlmon_counts)->scratch;
	struct mlock2mon_record *slot;
	u64 seq = 0;

	fill(rec, pending, change, ret, now);
	if (mlmon_record_repeats(pending->account, rec)) {
		book(pending, rec, 0);
		return;
	}
	slot = mlmon_ring_begin(&mlmon_ring, &seq);
	book(pending, rec, seq);
	if (slot) {
		mlmon_record_copy(slot, rec);
		mlmon_ring_end(&mlmon_ring, slot, seq);
	}
}

static void leave(const struct mlmon_pending *pending, const struct mlmon_change *change, s64 ret,
		  u64 now)
{
	struct mlock2mon_record *slot, *rec;
	u64 seq;

	if (pending->account && pending->account->series.open)
		mlmon_record_end_series(pending->account);
	slot = mlmon_ring_begin(&mlmon_ring, &seq);
	rec = slot ? slot : &this_cpu_ptr(mlmon_counts)->scratch;
	fill(rec, pending, change, ret, now);
	book(pending, rec, seq);
	if (slot)
		mlmon_ring_end(&mlmon_ring, slot, seq);
}

/**
 * mlmon_call_leave() - current returns from a call
 * @pending: from mlmon_call_enter()
 * @ret: 0, an address or -errno
 *
 * Context: preemption disabled; current has an mm.
 */
void mlmon_call_leave(struct mlmon_pending *pending, s64 ret)
{
	u64 now = ktime_get_boot_fast_ns();
	bool racy = overlap_leave(pending);
	struct mlmon_change change;

	if (!find_change(pending, racy, ret, &change)) {
		if (pending->account)
			mlmon_task_land(pending->account);
		this_cpu_inc(mlmon_counts->call[pending->flight.call].returns);
		return;
	}
	pending->racy = racy;
	if (!pending->account && pending->flight.call >= MLMON_NR_FAMILY)
		pending->account = mlmon_task_get();
	if (ret < 0 && mlmon_collapse && pending->account)
		leave_failed(pending, &change, ret, now);
	else
		leave(pending, &change, ret, now);
}
NOKPROBE_SYMBOL(mlmon_call_leave);

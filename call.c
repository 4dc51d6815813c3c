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
#include "abi.h"
#include "account.h"
#include "caller.h"
#include "compat.h"
#include "filter.h"
#include "internal.h"
#include "judge.h"

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

static __always_inline void overlap_enter(struct mlmon_pending *pending, struct mm_struct *mm)
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

/* Did another call on the mm overlap with this one, so far? */
static __always_inline bool overlapped(const struct mlmon_pending *pending)
{
	atomic64_t *place = &overlap[pending->flight.overlap - 1];

	if (!pending->flight.overlap)
		return false;
	return pending->racy || (u32)(atomic64_read(place) >> 32) != pending->generation;
}

static __always_inline void overlap_leave(const struct mlmon_flight *flight)
{
	if (flight->overlap)
		atomic64_dec(&overlap[flight->overlap - 1]);
}

/* ---- entry ------------------------------------------------------------------------------ */

static __always_inline void enter(struct mlmon_pending *pending, bool track)
{
	struct mlmon_call_counts *counts;
	struct mm_struct *mm = current->mm;

	counts = &this_cpu_ptr(mlmon_counts)->call[pending->flight.call];
	counts->armed++;
	/* First: who comes from now on is known to overlap. */
	overlap_enter(pending, mm);
	pending->limit = rlimit(RLIMIT_MEMLOCK);
	pending->change.before = READ_ONCE(mm->locked_vm);
	pending->def_flags = READ_ONCE(mm->def_flags);
	pending->account = NULL;
	trace_mlock_enter(pending);
	pending->flight.ts_ns = ktime_get_boot_fast_ns();
	if (!track)
		return;

	pending->account = mlmon_task_get();
	if (pending->account)
		mlmon_account_enter(pending->account, &pending->flight);
	else
		counts->untracked++;
}

/**
 * mlmon_call_enter() - current enters a call
 * @pending: with call and arguments; gets what must be known before
 * @track: give current an account, and show the call in inflight
 *
 * Context: preemption disabled; current has an mm.
 */
void mlmon_call_enter(struct mlmon_pending *pending, bool track)
{
	enter(pending, track);
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
	overlap_leave(flight);
}

/* Which of the arguments a call of the family has. */
static __always_inline void take_arguments(struct mlmon_flight *flight, u64 first, u64 second,
					   u64 third)
{
	bool ranged = flight->call <= MLOCK2MON_MUNLOCK;

	flight->addr = ranged ? first : 0;
	flight->len = ranged ? second : 0;
	flight->flags = flight->call == MLOCK2MON_MLOCK2 ? third :
			flight->call == MLOCK2MON_MLOCKALL ? first : 0;
}

/**
 * mlmon_call_count() - kprobe on an entry point of the mlock family
 * @kp: of a struct mlmon_probe
 * @regs: of the entry point
 *
 * Context: preemption disabled.
 * Return: 0, nothing is changed.
 */
int mlmon_call_count(struct kprobe *kp, struct pt_regs *regs)
{
	const struct mlmon_probe *probe = container_of(kp, struct mlmon_probe, entry);
	struct mlmon_counts *counts = this_cpu_ptr(mlmon_counts);

	counts->call[probe->call].entries++;
	counts->hit = probe;
	if (mlmon_wrappers)
		mlmon_wrapper_passed();
	return 0;
}
NOKPROBE_SYMBOL(mlmon_call_count);

/**
 * mlmon_call_arm() - kretprobe on the same entry point, at the entry
 * @ri: of a struct mlmon_probe
 * @regs: of the entry point
 *
 * Context: preemption disabled.
 * Return: 1 if the return need not be seen, 0 if it must.
 */
int mlmon_call_arm(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct mlmon_probe *probe = container_of(mlmon_kretprobe_of(ri),
						       struct mlmon_probe, exit);
	struct mlmon_counts *counts = this_cpu_ptr(mlmon_counts);
	struct mlmon_pending *pending = (struct mlmon_pending *)ri->data;
	const struct pt_regs *user = mlmon_abi_user(regs);

	if (counts->hit != probe || !current->mm)
		return 1;
	counts->hit = NULL;

	pending->flight.call = probe->call;
	take_arguments(&pending->flight, mlmon_abi_argument(probe->abi, user, 0),
		       mlmon_abi_argument(probe->abi, user, 1),
		       mlmon_abi_argument(probe->abi, user, 2));
	pending->old_len = 0;
	pending->new_addr = 0;
	pending->asks = false;
	pending->compat = in_ia32_syscall();
	enter(pending, true);
	return 0;
}
NOKPROBE_SYMBOL(mlmon_call_arm);

/* ---- return ----------------------------------------------------------------------------- */

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

static __always_inline u16 attributes(const struct mlmon_pending *pending)
{
	u16 attr = mlmon_caller_capability();

	if (pending->compat)
		attr |= MLOCK2MON_ATTR_COMPAT;
	if (asked_onfault(pending))
		attr |= MLOCK2MON_ATTR_ONFAULT;
	if (pending->racy)
		attr |= MLOCK2MON_ATTR_RACY;
	if (!pending->account)
		attr |= MLOCK2MON_ATTR_UNTRACKED;
	return attr;
}

static __always_inline void fill_call(struct mlock2mon_record *rec,
				      const struct mlmon_pending *pending, s64 ret, u64 now)
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
	rec->locked = pending->change.after << PAGE_SHIFT;
	rec->delta = pending->change.delta * (s64)PAGE_SIZE;
	rec->old_len = pending->old_len;
	rec->new_addr = pending->new_addr;
	rec->attr = attributes(pending);
}

static __always_inline void fill_why(struct mlock2mon_record *rec,
				     const struct mlmon_pending *pending, s64 ret)
{
	struct mlmon_verdict verdict;

	if (ret || pending->flight.call >= MLMON_NR_FAMILY || mlmon_has_huge_pages(current->mm))
		verdict = mlmon_judge(pending, ret, rec->attr & MLOCK2MON_ATTR_CAP);
	else
		verdict = mlmon_judge_success(pending);
	rec->why = verdict.why;
	rec->detail = verdict.detail;
	if (verdict.likely)
		rec->attr |= MLOCK2MON_ATTR_LIKELY;
	if (mlmon_near_bytes && mlmon_near_limit(rec, mlmon_near_bytes))
		mlmon_mark_near_limit(rec);
}

/* The record of a return in @rec, which may be a slot of the ring. */
static __always_inline void fill(struct mlock2mon_record *rec, const struct mlmon_pending *pending,
				 s64 ret, u64 now)
{
	fill_call(rec, pending, ret, now);
	mlmon_caller_fill(rec, pending->account);
	fill_why(rec, pending, ret);
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

static __always_inline void count_return(struct mlmon_call_counts *counts,
					 const struct mlock2mon_record *rec)
{
	counts->returns++;
	counts->why[rec->why]++;
	counts->bucket[min(fls64(rec->dur_ns), MLMON_NR_BUCKETS - 1)]++;
	if (rec->ret < 0) {
		counts->failures++;
		counts->error[errno_index(rec->ret)]++;
	}
}

static __always_inline void book(const struct mlmon_pending *pending,
				 const struct mlock2mon_record *rec, u64 seq)
{
	count_return(&this_cpu_ptr(mlmon_counts)->call[rec->call], rec);
	if (pending->account)
		mlmon_account_leave(pending->account, rec);
	trace_mlock_exit(rec, seq);
}

/* A failure that may repeat the one before: it has no slot until that is known. */
static noinline void leave_failed(const struct mlmon_pending *pending, s64 ret, u64 now)
{
	struct mlock2mon_record *rec = &this_cpu_ptr(mlmon_counts)->scratch;
	struct mlmon_claim claim;

	fill(rec, pending, ret, now);
	if (mlmon_record_repeats(pending->account, rec)) {
		book(pending, rec, 0);
		return;
	}
	claim = mlmon_ring_begin(&mlmon_ring);
	book(pending, rec, claim.seq);
	if (claim.slot) {
		mlmon_record_copy(claim.slot, rec);
		mlmon_ring_end(&mlmon_ring, claim);
	}
}

static __always_inline void leave(const struct mlmon_pending *pending, s64 ret, u64 now)
{
	struct mlock2mon_record *rec;
	struct mlmon_claim claim;

	if (ret < 0 && mlmon_collapse && pending->account) {
		leave_failed(pending, ret, now);
		return;
	}
	if (pending->account && pending->account->series.open)
		mlmon_record_end_series(pending->account);
	claim = mlmon_ring_begin(&mlmon_ring);
	rec = claim.slot ? claim.slot : &this_cpu_ptr(mlmon_counts)->scratch;
	fill(rec, pending, ret, now);
	book(pending, rec, claim.seq);
	if (claim.slot)
		mlmon_ring_end(&mlmon_ring, claim);
}

/* Is a related call worth a record? Of what changed unseen, one is made first. */
static bool settle(struct mlmon_pending *pending, s64 ret)
{
	struct mlmon_change *change = &pending->change;
	struct mlmon_bucket *bucket;

	/* Who enters after the question still finds this call inside. */
	bucket = mlmon_ledger_lock(current->mm);
	pending->racy = overlapped(pending);
	mlmon_ledger_settle(bucket, current->mm, pending->racy, change);
	mlmon_ledger_unlock(bucket);
	overlap_leave(&pending->flight);

	if (change->strange && !pending->account)
		pending->account = mlmon_task_get();
	if (change->strange)
		mlmon_record_plain(MLOCK2MON_OTHER, pending->account,
				   change->after - change->delta, change->strange);
	if (pending->flight.call < MLMON_NR_FAMILY || pending->asks || change->delta)
		return true;
	return pending->flight.call == MLOCK2MON_MREMAP && ret == -EAGAIN;
}

static noinline void leave_settled(struct mlmon_pending *pending, s64 ret, u64 now)
{
	if (!settle(pending, ret)) {
		if (pending->account)
			mlmon_account_land(pending->account);
		this_cpu_inc(mlmon_counts->call[pending->flight.call].returns);
		return;
	}
	if (!pending->account && pending->flight.call >= MLMON_NR_FAMILY)
		pending->account = mlmon_task_get();
	leave(pending, ret, now);
}

static __always_inline void leave_call(struct mlmon_pending *pending, s64 ret)
{
	u64 now = ktime_get_boot_fast_ns();

	if (mlmon_related) {
		leave_settled(pending, ret, now);
		return;
	}
	pending->racy = overlapped(pending);
	overlap_leave(&pending->flight);
	pending->change.after = READ_ONCE(current->mm->locked_vm);
	pending->change.delta = pending->change.after - pending->change.before;
	leave(pending, ret, now);
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
	leave_call(pending, ret);
}
NOKPROBE_SYMBOL(mlmon_call_leave);

/**
 * mlmon_call_return() - kretprobe on an entry point of the mlock family, at the return
 * @ri: from mlmon_call_arm()
 * @regs: of the return
 *
 * Context: preemption disabled; current has an mm.
 * Return: 0, nothing is changed.
 */
int mlmon_call_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	leave_call((struct mlmon_pending *)ri->data, (long)regs_return_value(regs));
	return 0;
}
NOKPROBE_SYMBOL(mlmon_call_return);

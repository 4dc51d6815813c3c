// SPDX-License-Identifier: GPL-2.0
/*
 * One call, from its entry to its record: the facts, what it did to the locked
 * memory, and the reason of its result.
 *
 * Ordering, by label:
 *   enter:A / observe:A  a call is counted before it changes locked memory, against
 *                        locked memory read before it is asked who was counted
 *   enter:A / leave:A    locked memory as the call left it, before it is no longer
 *                        inside, against one counted, and alone, before it reads it
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
	if (likely(atomic_read(&mm->mm_users) <= 1))
		return;
	place = hash_ptr(mm, OVERLAP_BITS);
	/* enter:A, pairs with observe:A and leave:A; a full barrier */
	after = atomic64_add_return(OVERLAP_BEGIN, &overlap[place]);
	pending->flight.overlap = place + 1;
	pending->generation = after >> 32;
	pending->racy = (u32)after > 1;
}

/*
 * Did another call on the mm overlap with this one, so far? Asked after locked memory was
 * read, so that whoever changed what was seen there is among them.
 */
static __always_inline bool overlapped(const struct mlmon_pending *pending)
{
	u64 now;

	if (!pending->flight.overlap)
		return false;
	smp_rmb();			/* observe:A, pairs with enter:A */
	now = atomic64_read(&overlap[pending->flight.overlap - 1]);
	return pending->racy || (u32)(now >> 32) != pending->generation;
}

static __always_inline void overlap_leave(const struct mlmon_flight *flight)
{
	unsigned int at = flight->overlap;

	if (at)
		atomic64_dec_return_release(&overlap[at - 1]);	/* leave:A, pairs with enter:A */
}

/* ---- entry ------------------------------------------------------------------------------ */

/* Counted at an entry point, and not yet armed. */
static DEFINE_PER_CPU(const struct mlmon_probe *, hit);

static __always_inline void enter(struct mlmon_pending *pending, bool track)
{
	struct mm_struct *mm = current->mm;

	__this_cpu_inc(pending->counts->armed);
	/* First: who comes from now on is known to overlap. */
	overlap_enter(pending, mm);
	pending->limit = rlimit(RLIMIT_MEMLOCK);
	pending->before = READ_ONCE(mm->locked_vm);
	pending->def_flags = READ_ONCE(mm->def_flags);
	trace_mlock_enter(pending);
	pending->flight.ts_ns = ktime_get_boot_fast_ns();
	if (!track) {
		pending->account = NULL;
		return;
	}
	pending->account = mlmon_task_get();
	if (pending->account) {
		mlmon_account_enter(pending->account, &pending->flight);
	} else {
		pending->untracked = true;
		__this_cpu_inc(pending->counts->untracked);
	}
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
	pending->counts = &mlmon_counts->call[pending->flight.call];
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

	__this_cpu_inc(probe->counts->entries);
	__this_cpu_write(hit, probe);
	if (READ_ONCE(mlmon_wrappers))
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
	struct mlmon_pending *pending = (struct mlmon_pending *)ri->data;
	const struct pt_regs *user = mlmon_abi_user(regs);

	if (__this_cpu_read(hit) != probe || !current->mm)
		return 1;
	__this_cpu_write(hit, NULL);

	pending->counts = probe->counts;
	pending->flight.call = probe->call;
	take_arguments(&pending->flight, mlmon_abi_argument(probe->abi, user, 0),
		       mlmon_abi_argument(probe->abi, user, 1),
		       mlmon_abi_argument(probe->abi, user, 2));
	enter(pending, true);
	return 0;
}
NOKPROBE_SYMBOL(mlmon_call_arm);

/* ---- return ----------------------------------------------------------------------------- */

static __always_inline bool asked_onfault(const struct mlmon_pending *pending, bool related)
{
	if (related)
		return pending->asks && pending->def_flags & VM_LOCKONFAULT;
	if (pending->flight.call == MLOCK2MON_MLOCK2)
		return pending->flight.flags & MLMON_MLOCK_ONFAULT;
	return pending->flight.call == MLOCK2MON_MLOCKALL &&
	       pending->flight.flags & MLMON_MCL_ONFAULT;
}

static __always_inline u16 attributes(const struct mlmon_pending *pending, bool related, bool racy)
{
	u16 attr = mlmon_caller_capability();

	/* A stack grows outside of calls, too, and then that is left from the last one. */
	if (unlikely(mlmon_abi_in_compat()) &&
	    !(related && pending->flight.call == MLOCK2MON_STACK))
		attr |= MLOCK2MON_ATTR_COMPAT;
	if (unlikely(asked_onfault(pending, related)))
		attr |= MLOCK2MON_ATTR_ONFAULT;
	if (unlikely(racy))
		attr |= MLOCK2MON_ATTR_RACY;
	return attr;
}

/*
 * The record of a return in @rec, which may be a slot of the ring. What the totals want
 * to know is added to @result, for the compiler cannot tell that a slot is not changed
 * by what is counted meanwhile.
 */
static __always_inline void fill(struct mlock2mon_record *rec, const struct mlmon_pending *pending,
				 bool related, struct mlmon_result *result)
{
	const struct mlmon_account *account = pending->account;
	struct mlmon_verdict verdict;

	result->attr = attributes(pending, related, result->racy);
	if (result->ret || related || mlmon_has_huge_pages(current->mm))
		verdict = mlmon_judge(pending, result->ret, result->change.before,
				      result->change.after, result->attr);
	else
		verdict = mlmon_judge_success(pending, &result->change);
	result->attr |= verdict.likely ? MLOCK2MON_ATTR_LIKELY : 0;
	result->why = verdict.why;
	result->cgroup = mlmon_caller_cgroup();

	rec->ts_ns = pending->flight.ts_ns;
	rec->dur_ns = result->dur_ns;
	rec->addr = pending->flight.addr;
	rec->len = pending->flight.len;
	rec->flags = pending->flight.flags;
	rec->call = pending->flight.call;
	rec->ret = result->ret;
	rec->limit = pending->limit;
	rec->locked = result->change.after << PAGE_SHIFT;
	rec->delta = result->change.delta * (s64)PAGE_SIZE;
	rec->old_len = related ? pending->old_len : 0;
	rec->new_addr = related ? pending->new_addr : 0;
	rec->why = verdict.why;
	rec->detail = verdict.detail;
	rec->cgroup = result->cgroup;
	rec->attr = result->attr;
	mlmon_caller_fill(rec, account);
	if (mlmon_near_bytes && mlmon_near_limit(rec, mlmon_near_bytes)) {
		mlmon_mark_near_limit(rec);
		result->why = rec->why;
	}
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

static __always_inline void count_return(struct mlmon_call_counts __percpu *counts,
					 const struct mlmon_result *result)
{
	unsigned int bucket = fls64(result->dur_ns);

	__this_cpu_inc(counts->returns);
	__this_cpu_inc(counts->why[result->why]);
	__this_cpu_inc(counts->bucket[min(bucket, MLMON_NR_BUCKETS - 1U)]);
	if (result->ret < 0) {
		__this_cpu_inc(counts->failures);
		__this_cpu_inc(counts->error[errno_index(result->ret)]);
	}
}

static __always_inline void book(const struct mlmon_pending *pending, bool related,
				 const struct mlmon_result *result,
				 const struct mlock2mon_record *rec, u64 seq)
{
	struct mlmon_account *account = pending->account;

	count_return(pending->counts, result);
	if (account)
		mlmon_account_leave(account, pending, related, result);
	trace_mlock_exit(rec, seq);
}

/* Fills the slot of @claim, or what stands for it, and puts it into the ring. */
static __always_inline void emit(struct mlmon_claim claim, const struct mlmon_pending *pending,
				 bool related, struct mlmon_result *result)
{
	struct mlock2mon_record *rec = claim.slot;

	if (unlikely(!rec))
		rec = &this_cpu_ptr(mlmon_counts)->scratch;
	fill(rec, pending, related, result);
	book(pending, related, result, rec, claim.seq);
	if (likely(claim.slot))
		mlmon_ring_end(&mlmon_ring, claim);
}

/* A failure that may repeat the one before: it has no slot until that is known. */
static void emit_unless_repeated(const struct mlmon_pending *pending, struct mlmon_result *result)
{
	struct mlock2mon_record *rec = &this_cpu_ptr(mlmon_counts)->scratch;
	bool related = mlmon_is_related(pending);
	struct mlmon_claim claim;

	fill(rec, pending, related, result);
	if (mlmon_record_repeats(pending->account, rec)) {
		book(pending, related, result, rec, 0);
		return;
	}
	claim = mlmon_ring_begin(&mlmon_ring);
	book(pending, related, result, rec, claim.seq);
	if (claim.slot) {
		mlmon_record_copy(claim.slot, rec);
		mlmon_ring_end(&mlmon_ring, claim);
	}
}

/* What the call did to the locked memory, as far as that can be told without a ledger. */
static __always_inline void observe(const struct mlmon_pending *pending,
				    struct mlmon_result *result)
{
	result->change.before = pending->before;
	result->change.after = READ_ONCE(current->mm->locked_vm);
	result->racy = overlapped(pending);
	overlap_leave(&pending->flight);
	result->change.delta = result->change.after - result->change.before;
}

/* Is a related call worth a record? Of what changed unseen, one is made first. */
static bool settle(struct mlmon_pending *pending, struct mlmon_result *result)
{
	struct mlmon_change *change = &result->change;
	struct mlmon_bucket *bucket;

	change->before = pending->before;
	/* Who enters after the question still finds this call inside. */
	bucket = mlmon_ledger_lock(current->mm);
	result->racy = overlapped(pending);
	mlmon_ledger_settle(bucket, current->mm, result->racy, change);
	mlmon_ledger_unlock(bucket);
	/* What those did who came since may be in what the ledger gave to this call. */
	result->racy = overlapped(pending);
	overlap_leave(&pending->flight);

	if (change->strange && !pending->account)
		pending->account = mlmon_task_get();
	if (change->strange)
		mlmon_record_plain(MLOCK2MON_OTHER, pending->account,
				   change->after - change->delta, change->strange);
	if (!mlmon_is_related(pending) || pending->asks || change->delta)
		return true;
	return pending->flight.call == MLOCK2MON_MREMAP && result->ret == -EAGAIN;
}

/* Of a related call that turned out to be worth one. */
static void get_account(struct mlmon_pending *pending)
{
	pending->account = mlmon_task_get();
	if (!pending->account && !pending->untracked)
		__this_cpu_inc(pending->counts->untracked);
}

/* Not inline, so that the stack it needs is not set up for others. */
static noinline void leave_slowly(struct mlmon_pending *pending, s64 ret, u64 dur_ns)
{
	struct mlmon_result result = { .ret = ret, .dur_ns = dur_ns };

	if (!mlmon_related) {
		observe(pending, &result);
	} else if (!settle(pending, &result)) {
		if (pending->account)
			mlmon_account_land(pending->account);
		__this_cpu_inc(pending->counts->returns);
		return;
	}
	if (!pending->account && mlmon_is_related(pending))
		get_account(pending);
	if (ret < 0 && mlmon_collapse && pending->account) {
		emit_unless_repeated(pending, &result);
		return;
	}
	if (pending->account)
		mlmon_record_end_series(pending->account);
	emit(mlmon_ring_begin(&mlmon_ring), pending, mlmon_is_related(pending), &result);
}

static __always_inline void leave(struct mlmon_pending *pending, s64 ret)
{
	u64 now = ktime_get_boot_fast_ns();
	struct mlmon_result result = {
		.ret = ret,
		/* The fast clock may step back a little while it is being adjusted. */
		.dur_ns = now > pending->flight.ts_ns ? now - pending->flight.ts_ns : 0,
	};
	struct mlmon_claim claim;

	if (mlmon_related || ret < 0 || (pending->account && pending->account->series.open)) {
		leave_slowly(pending, ret, result.dur_ns);
		return;
	}
	claim = mlmon_ring_begin(&mlmon_ring);
	observe(pending, &result);
	emit(claim, pending, false, &result);
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
	leave(pending, ret);
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
	leave((struct mlmon_pending *)ri->data, (long)regs_return_value(regs));
	return 0;
}
NOKPROBE_SYMBOL(mlmon_call_return);

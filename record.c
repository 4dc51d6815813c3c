// SPDX-License-Identifier: GPL-2.0
/*
 * Records that are not simply one call: of tasks that leave, of memory that
 * is given back or changed unseen, and of failures that repeat.
 *
 * A task that fails in a loop would push everybody else's history out of the
 * ring. The first failure has its record at once. What repeats it exactly is
 * only counted, and reported by one record when the series ends, or when a
 * second has passed since the last report.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include "caller.h"
#include "internal.h"

/**
 * mlmon_record_copy() - copy a record into a slot
 * @slot: from mlmon_ring_begin()
 * @rec: the record; its number is that of the slot, and not copied
 *
 * Context: preemption disabled.
 */
void mlmon_record_copy(struct mlock2mon_record *slot, const struct mlock2mon_record *rec)
{
	const size_t head = sizeof(rec->seq);

	memcpy((char *)slot + head, (const char *)rec + head, sizeof(*rec) - head);
}

static void count_plain(enum mlock2mon_call call)
{
	struct mlmon_call_counts *counts = &this_cpu_ptr(mlmon_counts)->call[call];

	counts->entries++;
	counts->armed++;
	counts->returns++;
}

/* A slot for a record of what is no call, filled as far as it is the same for all. */
static struct mlmon_claim begin(enum mlock2mon_call call, const struct mlmon_account *account)
{
	static const struct mlock2mon_record nothing;
	struct mlmon_claim claim = mlmon_ring_begin(&mlmon_ring);
	struct mlock2mon_record *slot = claim.slot;

	if (!slot)
		return claim;
	mlmon_record_copy(slot, &nothing);
	slot->call = call;
	slot->ts_ns = ktime_get_boot_fast_ns();
	slot->limit = rlimit(RLIMIT_MEMLOCK);
	slot->attr = mlmon_caller_capability();
	slot->cgroup = mlmon_caller_cgroup();
	mlmon_caller_fill(slot, account);
	return claim;
}

/**
 * mlmon_record_plain() - locked memory of current's process changed, by no call
 * @call: MLOCK2MON_OTHER or MLOCK2MON_EXEC
 * @account: of current, or NULL
 * @locked: now, pages
 * @delta: what changed, pages
 *
 * Context: preemption disabled.
 */
void mlmon_record_plain(enum mlock2mon_call call, const struct mlmon_account *account,
			u64 locked, s64 delta)
{
	struct mlmon_claim claim = begin(call, account);

	count_plain(call);
	if (!claim.slot)
		return;
	claim.slot->locked = locked << PAGE_SHIFT;
	claim.slot->delta = delta * (s64)PAGE_SIZE;
	mlmon_ring_end(&mlmon_ring, claim);
}

/*
 * What stays locked when current leaves, in pages. Asked when its record has a number: if by
 * then the last thread has not begun to leave, the one that says that all was given back
 * comes later.
 */
static u64 remains(const struct mm_struct *mm, bool last)
{
	if (!mm || (!last && !atomic_read(&current->signal->live)))
		return 0;
	return READ_ONCE(mm->locked_vm);
}

/**
 * mlmon_record_exit() - current leaves
 * @account: of current, or NULL; complete
 * @mm: its own, if that stays to others; or NULL
 * @last: is it the last one of its process, so that who keeps @mm is another?
 * @delta: what it gives back, pages, negative or 0
 *
 * Context: preemption disabled.
 */
void mlmon_record_exit(struct mlmon_account *account, const struct mm_struct *mm, bool last,
		       s64 delta)
{
	struct mlmon_claim claim = begin(MLOCK2MON_EXIT, account);
	struct mlock2mon_record *slot = claim.slot;
	struct mlmon_totals sum = { 0 };

	count_plain(MLOCK2MON_EXIT);
	if (!slot)
		return;
	slot->locked = remains(mm, last) << PAGE_SHIFT;
	slot->delta = delta * (s64)PAGE_SIZE;
	slot->detail = slot->locked - slot->delta;
	if (account) {
		mlmon_task_sum(account, &sum);
		slot->detail = max3(slot->detail, account->peak, account->past_peak);
	}
	slot->calls = sum.calls;
	slot->failures = sum.failures;
	slot->len = sum.bytes;
	slot->dur_ns = sum.total_ns;
	mlmon_ring_end(&mlmon_ring, claim);
}

/**
 * mlmon_record_blocked() - a call of current never reached the kernel's function
 * @account: of current
 * @flight: what it would have been
 *
 * Context: preemption disabled.
 */
void mlmon_record_blocked(struct mlmon_account *account, const struct mlmon_flight *flight)
{
	struct mlock2mon_record *slot;
	struct mlmon_claim claim;

	this_cpu_ptr(mlmon_counts)->call[flight->call].why[MLOCK2MON_WHY_BLOCKED]++;
	mlmon_record_end_series(account);
	claim = begin(flight->call, account);
	slot = claim.slot;
	if (!slot)
		return;
	slot->ts_ns = flight->ts_ns;
	slot->addr = flight->addr;
	slot->len = flight->len;
	slot->flags = flight->flags;
	slot->ret = -1;
	slot->why = MLOCK2MON_WHY_BLOCKED;
	if (current->mm)
		slot->locked = (u64)READ_ONCE(current->mm->locked_vm) << PAGE_SHIFT;
	mlmon_ring_end(&mlmon_ring, claim);
}

/* ---- failures that repeat --------------------------------------------------------------- */

/* Set and cleared by what other threads do at the time. */
#define PASSING		(MLOCK2MON_ATTR_RACY | MLOCK2MON_ATTR_LIKELY)

static bool same_failure(const struct mlock2mon_record *a, const struct mlock2mon_record *b)
{
	return a->addr == b->addr && a->len == b->len && a->flags == b->flags &&
	       a->call == b->call && a->ret == b->ret && a->why == b->why &&
	       a->detail == b->detail && !((a->attr ^ b->attr) & ~PASSING) &&
	       a->limit == b->limit && a->old_len == b->old_len &&
	       a->new_addr == b->new_addr && a->uid == b->uid &&
	       !memcmp(a->comm, b->comm, sizeof(a->comm));
}

static void report(struct mlmon_series *series)
{
	struct mlmon_claim claim = mlmon_ring_begin(&mlmon_ring);
	struct mlock2mon_record *slot = claim.slot;

	if (slot) {
		mlmon_record_copy(slot, &series->rec);
		slot->attr |= MLOCK2MON_ATTR_REPEAT;
		slot->ts_ns = series->first_ns;
		slot->dur_ns = series->total_ns;
		slot->repeat = series->count;
		slot->last_ns = series->last_ns;
		slot->cpu = smp_processor_id();
		mlmon_ring_end(&mlmon_ring, claim);
	}
	series->since_ns = series->last_ns;
	series->total_ns = 0;
	series->count = 0;
}

/**
 * mlmon_record_end_series() - report what repeated the last failure of current
 * @account: of current
 *
 * Context: preemption disabled.
 */
void mlmon_record_end_series(struct mlmon_account *account)
{
	if (account->series.count)
		report(&account->series);
	account->series.open = false;
}
NOKPROBE_SYMBOL(mlmon_record_end_series);

/**
 * mlmon_record_repeats() - is a failure the same as the last one
 * @account: of current
 * @rec: of the failure, complete but for its number; not in the ring
 *
 * If it is not, it begins a series, after the one before was ended.
 *
 * Context: preemption disabled.
 * Return: true if it needs no record of its own.
 */
bool mlmon_record_repeats(struct mlmon_account *account, const struct mlock2mon_record *rec)
{
	struct mlmon_series *series = &account->series;

	if (!series->open || rec->delta || !same_failure(&series->rec, rec)) {
		mlmon_record_end_series(account);
		series->open = true;
		series->since_ns = rec->ts_ns;
		series->rec = *rec;
		series->rec.delta = 0;		/* told by the first */
		return false;
	}
	if (!series->count++)
		series->first_ns = rec->ts_ns;
	series->rec.locked = rec->locked;
	series->rec.attr |= rec->attr & PASSING;
	series->last_ns = rec->ts_ns;
	series->total_ns += rec->dur_ns;
	this_cpu_ptr(mlmon_counts)->collapsed++;
	/* The fast clock may step back a little. */
	if ((s64)(rec->ts_ns - series->since_ns) >= NSEC_PER_SEC)
		report(series);
	return true;
}
NOKPROBE_SYMBOL(mlmon_record_repeats);

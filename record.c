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
#include <linux/cred.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include "internal.h"

/**
 * mlmon_record_capability() - may current lock as much as it likes
 *
 * Context: any.
 * Return: MLOCK2MON_ATTR_CAP, MLOCK2MON_ATTR_CAPNS or 0.
 */
u16 mlmon_record_capability(void)
{
	const struct cred *cred = current_cred();

	if (!cap_raised(cred->cap_effective, CAP_IPC_LOCK))
		return 0;
	return cred->user_ns == &init_user_ns ? MLOCK2MON_ATTR_CAP : MLOCK2MON_ATTR_CAPNS;
}
NOKPROBE_SYMBOL(mlmon_record_capability);

/**
 * mlmon_record_caller() - who makes a record
 * @rec: gets identity and name of current
 * @account: of current, or NULL
 *
 * Context: preemption disabled.
 */
void mlmon_record_caller(struct mlock2mon_record *rec, const struct mlmon_account *account)
{
	struct mlmon_identity unknown;
	const struct mlmon_identity *identity = account ? &account->identity : &unknown;

	if (!account) {
		mlmon_task_identify(&unknown);
		rec->attr |= MLOCK2MON_ATTR_UNTRACKED;
	}
	rec->start_ns = identity->start_ns;
	rec->leader_start_ns = identity->leader_start_ns;
	rec->parent_start_ns = identity->parent_start_ns;
	rec->ppid = identity->ppid;
	rec->ns_pid = identity->ns_pid;
	rec->ns_tid = identity->ns_tid;
	rec->ns_ppid = identity->ns_ppid;
	rec->pid_ns = identity->pid_ns;
	rec->mnt_ns = 0;
	rec->pid = current->tgid;
	rec->tid = current->pid;
	rec->uid = __kuid_val(current_uid());
	rec->cgroup = mlmon_task_cgroup();
	rec->cpu = smp_processor_id();
	rec->reserved = 0;
	BUILD_BUG_ON(sizeof(rec->comm) != sizeof(current->comm));
	memcpy(rec->comm, current->comm, sizeof(rec->comm));
}
NOKPROBE_SYMBOL(mlmon_record_caller);

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
static struct mlock2mon_record *begin(enum mlock2mon_call call,
				      const struct mlmon_account *account, u64 *seq)
{
	static const struct mlock2mon_record nothing;
	struct mlock2mon_record *slot;

	slot = mlmon_ring_begin(&mlmon_ring, seq);
	if (!slot)
		return NULL;
	mlmon_record_copy(slot, &nothing);
	slot->call = call;
	slot->ts_ns = ktime_get_boot_fast_ns();
	slot->limit = rlimit(RLIMIT_MEMLOCK);
	slot->attr = mlmon_record_capability();
	mlmon_record_caller(slot, account);
	return slot;
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
	struct mlock2mon_record *slot;
	u64 seq;

	count_plain(call);
	slot = begin(call, account, &seq);
	if (!slot)
		return;
	slot->locked = locked << PAGE_SHIFT;
	slot->delta = delta * (s64)PAGE_SIZE;
	mlmon_ring_end(&mlmon_ring, slot, seq);
}

/**
 * mlmon_record_exit() - current leaves
 * @account: of current, or NULL; complete
 * @locked: what remains to its process, pages
 * @delta: what it gives back, pages, negative or 0
 *
 * Context: preemption disabled.
 */
void mlmon_record_exit(struct mlmon_account *account, u64 locked, s64 delta)
{
	struct mlmon_totals sum = { 0 };
	struct mlock2mon_record *slot;
	u64 seq;

	count_plain(MLOCK2MON_EXIT);
	slot = begin(MLOCK2MON_EXIT, account, &seq);
	if (!slot)
		return;
	slot->locked = locked << PAGE_SHIFT;
	slot->delta = delta * (s64)PAGE_SIZE;
	slot->detail = slot->locked - slot->delta;
	if (account) {
		mlmon_task_sum(account, &sum);
		slot->detail = max(slot->detail, account->high);
	}
	slot->calls = sum.calls;
	slot->failures = sum.failures;
	slot->len = sum.bytes;
	slot->dur_ns = sum.total_ns;
	mlmon_ring_end(&mlmon_ring, slot, seq);
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
	u64 seq;

	this_cpu_ptr(mlmon_counts)->call[flight->call].why[MLOCK2MON_WHY_BLOCKED]++;
	mlmon_record_end_series(account);
	slot = begin(flight->call, account, &seq);
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
	mlmon_ring_end(&mlmon_ring, slot, seq);
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
	struct mlock2mon_record *slot;
	u64 seq;

	slot = mlmon_ring_begin(&mlmon_ring, &seq);
	if (slot) {
		mlmon_record_copy(slot, &series->rec);
		slot->attr |= MLOCK2MON_ATTR_REPEAT;
		slot->ts_ns = series->first_ns;
		slot->dur_ns = series->total_ns;
		slot->repeat = series->count;
		slot->last_ns = series->last_ns;
		slot->cpu = smp_processor_id();
		mlmon_ring_end(&mlmon_ring, slot, seq);
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
	if (rec->ts_ns - series->since_ns >= NSEC_PER_SEC)
		report(series);
	return true;
}
NOKPROBE_SYMBOL(mlmon_record_repeats);

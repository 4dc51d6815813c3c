// SPDX-License-Identifier: GPL-2.0
/*
 * The accounts of tasks: an RCU hash table over a pool of fixed size.
 *
 * The key is the task itself. Its address is not reused before it has exited,
 * and then the exit hook has taken its account away, so a reused pid is a new
 * account; a thread that takes over its leader's pid in exec keeps its own.
 *
 * Only a task adds to its own account, with preemption disabled, so look-ups
 * and updates take no lock. The lock below serialises birth and death. A dead
 * account returns to the pool after a grace period; the pool's memory is given
 * back at exit only, so a stale pointer to an account is always readable, and
 * its id tells whether it is still the same.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "caller.h"
#include "compat.h"
#include "internal.h"

static DEFINE_RAW_SPINLOCK(lock);	/* writers of everything here but the task's own part */
static struct hlist_head *buckets;	/* constant after init */
static unsigned int bucket_bits;	/* constant after init */
static struct mlmon_account *pool;	/* constant after init */
static unsigned int pool_size;		/* constant after init */
static HLIST_HEAD(free_accounts);	/* linked by bucket */
static LIST_HEAD(by_birth);		/* linked by order, RCU */
static unsigned int tracked;
static u64 last_id;

/**
 * mlmon_task_init() - allocate the pool and the table
 * @max_tasks: accounts
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_task_init(unsigned int max_tasks)
{
	unsigned int i;

	bucket_bits = ilog2(roundup_pow_of_two(max_tasks));
	buckets = kvcalloc(1UL << bucket_bits, sizeof(*buckets), MLMON_GFP);
	if (!buckets)
		return -ENOMEM;

	pool = mlmon_alloc(array_size(max_tasks, sizeof(*pool)));
	if (!pool)
		goto err_buckets;

	pool_size = max_tasks;
	for (i = 0; i < max_tasks; i++) {
		seqcount_init(&pool[i].seq);
		hlist_add_head(&pool[i].bucket, &free_accounts);
	}
	return 0;

err_buckets:
	kvfree(buckets);
	return -ENOMEM;
}

/**
 * mlmon_task_exit() - free the pool and the table
 *
 * Context: process, may sleep; no handler and no reader may run any more.
 */
void mlmon_task_exit(void)
{
	rcu_barrier();			/* accounts on their way back to the pool */
	vfree(pool);
	kvfree(buckets);
}

static struct hlist_head *bucket_of(const struct task_struct *task)
{
	return &buckets[hash_ptr(task, bucket_bits)];
}

/**
 * mlmon_task_find() - the account of a task
 * @task: current, or a task that has not exited
 *
 * Context: preemption disabled.
 * Return: the account, valid while preemption stays disabled, or NULL.
 */
struct mlmon_account *mlmon_task_find(const struct task_struct *task)
{
	struct mlmon_account *account;

	hlist_for_each_entry_rcu(account, bucket_of(task), bucket, rcu_read_lock_sched_held())
		if (account->task == task)
			return account;
	return NULL;
}
NOKPROBE_SYMBOL(mlmon_task_find);

/**
 * mlmon_task_identify() - what current does not change while it lives
 * @identity: the result
 *
 * Context: preemption disabled.
 */
void mlmon_task_identify(struct mlmon_identity *identity)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	const struct task_struct *parent;

	identity->start_ns = current->start_boottime;
	identity->leader_start_ns = current->group_leader->start_boottime;
	identity->ns_pid = task_tgid_nr_ns(current, ns);
	identity->ns_tid = task_pid_nr_ns(current, ns);
	identity->mnt_ns = 0;
	identity->pid_ns = ns ? ns->ns.inum : 0;

	rcu_read_lock();
	parent = rcu_dereference(current->real_parent);
	identity->ppid = parent->tgid;
	identity->ns_ppid = task_tgid_nr_ns((struct task_struct *)parent, ns);
	identity->parent_start_ns = parent->group_leader->start_boottime;
	rcu_read_unlock();
}
NOKPROBE_SYMBOL(mlmon_task_identify);

static void open_account(struct mlmon_account *account)
{
	account->task = current;
	account->pid = current->tgid;
	account->tid = current->pid;
	account->uid = mlmon_caller_uid();
	account->onfault = false;
	memcpy(account->comm, current->comm, sizeof(account->comm));
	account->cgroup = mlmon_caller_cgroup();
	account->peak = 0;
	account->past_peak = 0;
	account->error = 0;
	memset(&account->flight, 0, sizeof(account->flight));
	memset(account->call, 0, sizeof(account->call));
	memset(&account->attempt, 0, sizeof(account->attempt));
	memset(&account->series, 0, sizeof(account->series));
	account->leaves_mm = false;
	mlmon_task_identify(&account->identity);
}

static struct mlmon_account *add_current(void)
{
	struct mlmon_account *account;
	unsigned long flags;

	/* Nobody would close it. */
	if (current->flags & PF_EXITING)
		return NULL;
	raw_spin_lock_irqsave(&lock, flags);
	account = hlist_entry_safe(free_accounts.first, struct mlmon_account, bucket);
	if (account) {
		hlist_del(&account->bucket);
		open_account(account);
		WRITE_ONCE(account->id, ++last_id);
		hlist_add_head_rcu(&account->bucket, bucket_of(current));
		list_add_tail_rcu(&account->order, &by_birth);
		WRITE_ONCE(tracked, tracked + 1);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	return account;
}
NOKPROBE_SYMBOL(add_current);

/**
 * mlmon_task_get() - the account of current, opened if there was none
 *
 * Context: preemption disabled, current has not exited.
 * Return: the account, valid until current exits; NULL if the pool is empty.
 */
struct mlmon_account *mlmon_task_get(void)
{
	struct mlmon_account *account = mlmon_task_find(current);

	return likely(account) ? account : add_current();
}
NOKPROBE_SYMBOL(mlmon_task_get);

static void back_to_pool(struct rcu_head *rcu)
{
	struct mlmon_account *account = container_of(rcu, struct mlmon_account, rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	hlist_add_head(&account->bucket, &free_accounts);
	raw_spin_unlock_irqrestore(&lock, flags);
}

/**
 * mlmon_task_del() - close the account of a task that exits
 * @account: of current
 *
 * Context: preemption disabled; current makes no further call.
 */
void mlmon_task_del(struct mlmon_account *account)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	WRITE_ONCE(account->id, 0);
	hlist_del_rcu(&account->bucket);
	list_del_rcu(&account->order);
	WRITE_ONCE(tracked, tracked - 1);
	raw_spin_unlock_irqrestore(&lock, flags);
	mlmon_call_rcu_soon(&account->rcu, back_to_pool);
}
NOKPROBE_SYMBOL(mlmon_task_del);

/**
 * mlmon_task_rename() - take over what exec changed
 * @account: of current
 * @task: current
 *
 * The mm is a new one, and the pid and start of a thread that was not the
 * leader are now the leader's.
 *
 * Context: preemption disabled.
 */
void mlmon_task_rename(struct mlmon_account *account, struct task_struct *task)
{
	raw_write_seqcount_begin(&account->seq);
	account->pid = task->tgid;
	account->tid = task->pid;
	memcpy(account->comm, task->comm, sizeof(account->comm));
	account->past_peak = max(account->past_peak, account->peak);
	account->peak = 0;
	account->onfault = false;
	mlmon_task_identify(&account->identity);
	raw_write_seqcount_end(&account->seq);
}

/**
 * mlmon_task_sum() - totals of all calls
 * @account: of current, or a copy
 * @sum: the result; its error is the account's
 *
 * Context: any.
 */
void mlmon_task_sum(const struct mlmon_account *account, struct mlmon_totals *sum)
{
	int i;

	memset(sum, 0, sizeof(*sum));
	sum->error = account->error;
	for (i = 0; i < MLMON_NR_TOTALS; i++) {
		const struct mlmon_totals *totals = &account->call[i];

		if (!totals->calls)
			continue;
		if (!sum->calls || totals->first_ns < sum->first_ns)
			sum->first_ns = totals->first_ns;
		sum->calls += totals->calls;
		sum->failures += totals->failures;
		sum->bytes += totals->bytes;
		sum->total_ns += totals->total_ns;
		sum->max_ns = max(sum->max_ns, totals->max_ns);
		sum->last_ns = max(sum->last_ns, totals->last_ns);
	}
}

static void copy_account(struct mlmon_account *copy, struct mlmon_account *account)
{
	unsigned int seq;

	do {
		seq = raw_read_seqcount_begin(&account->seq);
		data_race(*copy = *account);	/* the seqcount tells whether it was torn */
	} while (read_seqcount_retry(&account->seq, seq));
}

/*
 * The account after the cursor's. If that one is still in the table, or was a
 * moment ago, its link is good; otherwise the walk starts over. Ids ascend
 * along the list and are 0 in accounts that have just left it.
 */
static struct mlmon_account *find_after(const struct mlmon_task_cursor *cursor, u64 *id)
{
	struct list_head *from = &by_birth;
	struct mlmon_account *account;

	if (cursor->at && READ_ONCE(cursor->at->id) == cursor->id)
		from = &cursor->at->order;
	account = list_entry_rcu(from->next, struct mlmon_account, order);
	for (; &account->order != &by_birth;
	     account = list_entry_rcu(account->order.next, struct mlmon_account, order)) {
		*id = READ_ONCE(account->id);
		if (*id > cursor->id)
			return account;
	}
	return NULL;
}

/**
 * mlmon_task_next() - copy the next account in order of birth
 * @cursor: zeroed before the first call
 * @copy: the caller's
 *
 * Accounts that come and go meanwhile may or may not be seen; none is given
 * twice.
 *
 * Context: process.
 * Return: false if there is no further one.
 */
bool mlmon_task_next(struct mlmon_task_cursor *cursor, struct mlmon_account *copy)
{
	struct mlmon_account *account;
	u64 id;

	rcu_read_lock();
	account = find_after(cursor, &id);
	if (account) {
		copy_account(copy, account);
		copy->id = id;		/* its own is 0 if the task has exited since */
		cursor->at = account;
		cursor->id = id;
	}
	rcu_read_unlock();
	return account;
}

/**
 * mlmon_task_count() - how full the pool is
 * @counts: the result
 *
 * Context: any.
 */
void mlmon_task_count(struct mlmon_task_counts *counts)
{
	counts->tracked = READ_ONCE(tracked);
	counts->max = pool_size;
}

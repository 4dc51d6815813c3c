// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/mlock2mon: summaries, formatted by seq_file.
 *
 * Ordering, by label:
 *   probe:A in count.c / show_probes:A   a state is complete before it is counted
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include "internal.h"

static struct proc_dir_entry *directory;
static u64 load_id;

/* ---- stats ------------------------------------------------------------------------------ */

static void show_probes(struct seq_file *m)
{
	unsigned int i, n;

	n = smp_load_acquire(&mlmon_nr_probe_states);	/* show_probes:A, pairs with probe:A */
	for (i = 0; i < n; i++) {
		const struct mlmon_probe_state *state = &mlmon_probe_states[i];
		const char *error = state->error == -ENOENT ? "ENOENT" :
				    mlmon_errno_name(-state->error);

		if (!state->error)
			seq_printf(m, "probe.%s active\n", state->name);
		else if (error)
			seq_printf(m, "probe.%s inactive %s\n", state->name, error);
		else
			seq_printf(m, "probe.%s inactive %d\n", state->name, -state->error);
	}
}

/* Only what is not zero, to keep the file readable. */
static void show_nonzero(struct seq_file *m, const char *call, const char *kind,
			 const char *name, u64 count)
{
	if (count)
		seq_printf(m, "%s.%s.%s %llu\n", call, kind, name, count);
}

/* Of related calls only returns are armed for what matters: see related.c. */
static void show_call(struct seq_file *m, enum mlock2mon_call call)
{
	static const char * const errors[] = {
		[MLMON_EPERM]	= "EPERM",
		[MLMON_ENOMEM]	= "ENOMEM",
		[MLMON_EAGAIN]	= "EAGAIN",
		[MLMON_EINTR]	= "EINTR",
		[MLMON_EINVAL]	= "EINVAL",
		[MLMON_EOTHER]	= "other",
	};
	const char *name = mlmon_call_name(call);
	u64 unseen = mlmon_related_missed(call);
	struct mlmon_call_counts sum;
	unsigned int i;

	mlmon_count_sum(call, &sum);
	seq_printf(m, "%s.entries %llu\n", name, sum.entries + unseen);
	seq_printf(m, "%s.returns %llu\n", name, sum.returns);
	seq_printf(m, "%s.in_flight %llu\n", name, mlmon_count_in_flight(&sum));
	seq_printf(m, "%s.missed %llu\n", name, mlmon_count_missed(&sum) + unseen);
	seq_printf(m, "%s.failures %llu\n", name, sum.failures);
	for (i = 0; i < MLMON_NR_ERRNOS; i++)
		show_nonzero(m, name, "errno", errors[i], sum.error[i]);
	for (i = MLOCK2MON_WHY_NONE + 1; i < MLOCK2MON_NR_WHYS; i++)
		show_nonzero(m, name, "why", mlmon_why_name(i), sum.why[i]);
}

static void show_ring(struct seq_file *m)
{
	u64 written = mlmon_ring_next(&mlmon_ring) - 1;
	u64 capacity = mlmon_ring.mask + 1;

	seq_printf(m, "ring.records %llu\n", capacity);
	seq_printf(m, "ring.written %llu\n", written);
	seq_printf(m, "ring.overwritten %llu\n", written > capacity ? written - capacity : 0);
	seq_printf(m, "ring.dropped %llu\n", (u64)atomic64_read(&mlmon_ring.dropped));
}

static u64 sum_untracked(void)
{
	struct mlmon_call_counts sum;
	u64 untracked = 0;
	int call;

	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		mlmon_count_sum(call, &sum);
		untracked += sum.untracked;
	}
	return untracked;
}

static void show_tasks_and_readers(struct seq_file *m)
{
	struct mlmon_reader_counts readers;
	struct mlmon_task_counts tasks;

	mlmon_task_count(&tasks);
	seq_printf(m, "tasks.tracked %u\n", tasks.tracked);
	seq_printf(m, "tasks.max %u\n", tasks.max);
	seq_printf(m, "tasks.untracked %llu\n", sum_untracked());
	mlmon_chardev_count(&readers);
	seq_printf(m, "readers.open %llu\n", readers.open);
	seq_printf(m, "readers.lost %llu\n", readers.lost);
	seq_printf(m, "probes.live %u\n", mlmon_probe_live());
}

/* Newer keys, after those of the first version. */
static void show_rest(struct seq_file *m)
{
	int call;

	seq_printf(m, "ring.collapsed %llu\n", mlmon_count_collapsed());
	for (call = MLOCK2MON_MMAP; mlmon_related && call < MLOCK2MON_EXIT; call++)
		show_call(m, call);
	if (mlmon_related)
		seq_printf(m, "ledger.refused %llu\n", mlmon_ledger_refused());
	if (READ_ONCE(mlmon_wrappers))
		seq_printf(m, "libc.unknown %llu\n", mlmon_wrapper_unknown());
	show_call(m, MLOCK2MON_EXIT);
}

static int show_stats(struct seq_file *m, void *v)
{
	int call;

	seq_printf(m, "version %s\n", MLOCK2MON_VERSION);
	seq_printf(m, "load_id %016llx\n", load_id);
	show_probes(m);
	for (call = 0; call < MLMON_NR_FAMILY; call++)
		show_call(m, call);
	show_ring(m);
	show_tasks_and_readers(m);
	show_rest(m);
	return 0;
}

/* ---- latency ---------------------------------------------------------------------------- */

/* The calls of the file; those that are no calls take no time. */
static int latency_calls(void)
{
	return mlmon_related ? MLOCK2MON_EXEC : MLMON_NR_FAMILY;
}

/* How many rows it takes to show every bucket that is not empty. */
static unsigned int latency_rows(void)
{
	unsigned int rows = MLMON_NR_BUCKETS;
	int call;

	for (; rows; rows--)
		for (call = 0; call < latency_calls(); call++)
			if (mlmon_count_bucket(call, rows - 1))
				return rows;
	return 0;
}

static int show_latency(struct seq_file *m, void *v)
{
	unsigned int rows = latency_rows();
	unsigned int b;
	int call;

	seq_puts(m, "from_ns");
	for (call = 0; call < latency_calls(); call++)
		seq_printf(m, " %s", mlmon_call_name(call));
	seq_putc(m, '\n');

	for (b = 0; b < rows; b++) {
		seq_printf(m, "%llu", b ? 1ULL << (b - 1) : 0);
		for (call = 0; call < latency_calls(); call++)
			seq_printf(m, " %llu", mlmon_count_bucket(call, b));
		seq_putc(m, '\n');
	}
	return 0;
}

/* ---- tasks and inflight: a walk over the accounts --------------------------------------- */

struct walk {
	struct mlmon_task_cursor	cursor;
	struct mlmon_account		account;	/* the row at pos */
	loff_t				pos;		/* 0: none yet */
	bool				end;
};

static void *walk_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct walk *walk = m->private;

	cond_resched();		/* rows may be many and all be skipped */
	++*pos;
	walk->pos = *pos;
	walk->end = !mlmon_task_next(&walk->cursor, &walk->account);
	return walk->end ? NULL : &walk->account;
}

/* seq_file asks again for a row that did not fit, or goes back to the start. */
static void *walk_start(struct seq_file *m, loff_t *pos)
{
	struct walk *walk = m->private;

	if (!*pos) {
		memset(&walk->cursor, 0, sizeof(walk->cursor));
		walk->pos = 0;
		return SEQ_START_TOKEN;
	}
	if (*pos == walk->pos)
		return walk->end ? NULL : &walk->account;
	walk->pos = *pos;
	walk->end = !mlmon_task_next(&walk->cursor, &walk->account);
	return walk->end ? NULL : &walk->account;
}

static void walk_stop(struct seq_file *m, void *v)
{
}

static void put_time(struct seq_file *m, u64 ns)
{
	u32 rest;
	u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

	seq_printf(m, "%llu.%09u", seconds, rest);
}

static void put_error(struct seq_file *m, int error)
{
	const char *name = mlmon_errno_name(error);

	if (name)
		seq_puts(m, name);
	else
		seq_printf(m, "%d", error);
}

static void put_task(struct seq_file *m, const struct mlmon_account *account)
{
	char comm[MLMON_COMM_TEXT];

	mlmon_format_comm(comm, account->comm, true);
	/* A name may be empty, a column may not. */
	seq_printf(m, "%u %u %u %s", account->pid, account->tid, account->uid,
		   comm[0] ? comm : "\\x00");
}

/* The mm of the task of an account, or NULL if one of them is gone. */
static struct mm_struct *account_mm(const struct mlmon_account *account)
{
	struct mm_struct *mm = NULL;
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_pid_ns(account->tid, &init_pid_ns), PIDTYPE_PID);
	if (task == account->task && task)
		get_task_struct(task);
	else
		task = NULL;
	rcu_read_unlock();

	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm;
}

/* Locked now, and most ever: a thread's own calls do not see what its siblings lock. */
static void put_locked(struct seq_file *m, const struct mlmon_account *account)
{
	struct mm_struct *mm = account_mm(account);
	u64 locked;

	if (!mm) {
		seq_printf(m, " - %llu", account->peak >> 10);
		return;
	}
	locked = (u64)READ_ONCE(mm->locked_vm) << PAGE_SHIFT;
	mmput(mm);
	seq_printf(m, " %llu %llu", locked >> 10, max(locked, account->peak) >> 10);
}

static void put_sums(struct seq_file *m, const struct mlmon_account *account)
{
	struct mlmon_totals sum;

	mlmon_task_sum(account, &sum);
	seq_printf(m, " %llu %llu %llu %llu %llu ", sum.calls, sum.failures, sum.bytes,
		   sum.total_ns, sum.max_ns);
	put_time(m, sum.first_ns);
	seq_putc(m, ' ');
	put_time(m, sum.last_ns);
}

static void put_totals(struct seq_file *m, const struct mlmon_totals *totals)
{
	if (!totals->calls) {
		seq_puts(m, " -");
		return;
	}
	seq_printf(m, " %llu/%llu/%llu/%llu/%llu/", totals->calls, totals->failures,
		   totals->bytes, totals->total_ns, totals->max_ns);
	put_time(m, totals->first_ns);
	seq_putc(m, '/');
	put_time(m, totals->last_ns);
	seq_putc(m, '/');
	put_error(m, totals->error);
}

static int show_task(struct seq_file *m, void *v)
{
	const struct mlmon_account *account = v;
	int call;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "pid tid uid comm cgroup locked_kb peak_kb onfault calls failures bytes total_ns max_ns first last errno");
		for (call = 0; call < MLMON_TOTALS_RELATED; call++)
			seq_printf(m, " %s", mlmon_call_name(call));
		seq_puts(m, " related\n");
		return 0;
	}

	put_task(m, account);
	seq_printf(m, " %llu", account->cgroup);
	put_locked(m, account);
	seq_printf(m, " %u", account->onfault);
	put_sums(m, account);
	seq_putc(m, ' ');
	put_error(m, account->error);
	for (call = 0; call < MLMON_NR_TOTALS; call++)
		put_totals(m, &account->call[call]);
	seq_putc(m, '\n');
	return 0;
}

static int show_inflight(struct seq_file *m, void *v)
{
	const struct mlmon_account *account = v;
	const struct mlmon_flight *flight;
	char flags[MLMON_FLAGS_TEXT];
	u64 now;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "pid tid uid comm call addr len flags start age_ns\n");
		return 0;
	}
	flight = &account->flight;
	if (!flight->ts_ns)
		return SEQ_SKIP;

	now = ktime_get_boot_fast_ns();
	put_task(m, account);
	mlmon_format_flags(flags, sizeof(flags), flight->call, flight->flags);
	seq_printf(m, " %s 0x%llx %llu %s ", mlmon_call_name(flight->call), flight->addr,
		   flight->len, flags);
	put_time(m, flight->ts_ns);
	seq_printf(m, " %llu\n", now > flight->ts_ns ? now - flight->ts_ns : 0);
	return 0;
}

static const struct seq_operations task_ops = {
	.start	= walk_start,
	.next	= walk_next,
	.stop	= walk_stop,
	.show	= show_task,
};

static const struct seq_operations inflight_ops = {
	.start	= walk_start,
	.next	= walk_next,
	.stop	= walk_stop,
	.show	= show_inflight,
};

/* The file mode keeps users out; this keeps a root without capabilities out. */
static int open_walk(struct file *file, const struct seq_operations *ops)
{
	return mlmon_may_read() ? seq_open_private(file, ops, sizeof(struct walk)) : -EPERM;
}

static int open_tasks(struct inode *inode, struct file *file)
{
	return open_walk(file, &task_ops);
}

static int open_inflight(struct inode *inode, struct file *file)
{
	return open_walk(file, &inflight_ops);
}

static const struct proc_ops task_proc_ops = {
	.proc_open	= open_tasks,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release_private,
};

static const struct proc_ops inflight_proc_ops = {
	.proc_open	= open_inflight,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release_private,
};

/**
 * mlmon_procfs_init() - make the directory and its files
 * @id: of this load, shown in stats
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_procfs_init(u64 id)
{
	load_id = id;
	directory = proc_mkdir("mlock2mon", NULL);
	if (!directory)
		return -ENOMEM;
	if (!proc_create_single("stats", 0444, directory, show_stats) ||
	    !proc_create("tasks", 0400, directory, &task_proc_ops) ||
	    !proc_create_single("latency", 0444, directory, show_latency) ||
	    !proc_create("inflight", 0400, directory, &inflight_proc_ops)) {
		mlmon_procfs_exit();
		return -ENOMEM;
	}
	return 0;
}

/**
 * mlmon_procfs_exit() - take the directory away
 *
 * Waits for readers inside; files still open give an error from now on.
 *
 * Context: process, may sleep.
 */
void mlmon_procfs_exit(void)
{
	proc_remove(directory);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that leave, and programs that are replaced: what becomes of their
 * accounts and of the memory they had locked.
 *
 * The tracepoint of an exit comes for every task, but on most kernels after
 * the mm has gone, and without a word on whether the task is the last of its
 * process. So a function on the way is probed too, that is told, and whichever
 * of the two comes first closes the account.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/binfmts.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include "compat.h"
#include "internal.h"

/*
 * Is the mm current's own? Not if a vfork child borrows its parent's: then it
 * has another owner, and nothing is given back. An owner whose process is gone
 * and has given it back before, but which is still called the owner, is none.
 * Where kernels know no owners, @borrowed tells.
 */
static bool owns(struct mm_struct *mm, bool borrowed)
{
#ifdef CONFIG_MEMCG
	const struct task_struct *owner;
	bool ours;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	ours = !owner || owner->signal == current->signal ||
	       (!atomic_read(&owner->signal->live) && !mlmon_task_find(owner));
	rcu_read_unlock();
	return ours;
#else
	return !borrowed;
#endif
}

/*
 * What current's process has locked, for the last time, in pages. What the
 * records say is put right first; a process with no record has nothing to give.
 */
static u64 give_back(const struct mlmon_account *account, struct mm_struct *mm)
{
	u64 locked = READ_ONCE(mm->locked_vm);
	u64 known;

	if (!mlmon_related)
		return locked;
	if (!mlmon_ledger_close(mm, locked, &known) && !account)
		return 0;
	if (known != locked)
		mlmon_record_plain(MLOCK2MON_OTHER, account, locked, locked - known);
	return locked;
}

/* @last: of its process. @own: all that the mm has is given back, too. */
static void leave(struct mlmon_account *account, struct mm_struct *mm, bool last, bool own)
{
	u64 locked = 0;

	if (account) {
		/* It died inside a call: that return will never be seen. */
		if (account->flight.ts_ns)
			mlmon_call_abandon(&account->flight);
		mlmon_record_end_series(account);
		mlmon_wrapper_settle(account);
	}
	if (own)
		locked = give_back(account, mm);
	if (account || locked)
		mlmon_record_exit(account, own ? NULL : mm, last, -(s64)locked);
	if (account)
		mlmon_task_del(account);
}

/* Current makes no further call; if it is the last one, no task of its process does. */
static void on_leave(bool last)
{
	struct mlmon_account *account = mlmon_task_find(current);
	struct mm_struct *mm = current->mm;
	bool own;

	/* That the mm has gone already means that the probe was off: what the ledger has stays. */
	if (account && !mm && mlmon_related)
		mlmon_ledger_distrust();
	/* Who has no account may still be the last of those who had. */
	if (!account && (!mlmon_related || !last || !mm || !mlmon_ledger_maybe(mm)))
		return;
	own = last && mm && owns(mm, current->vfork_done);
	if (account || own)
		leave(account, mm, last, own);
}
NOKPROBE_SYMBOL(on_leave);

static void on_exit(MLMON_EXIT_HOOK_ARGS)
{
	preempt_disable();
	on_leave(MLMON_EXIT_HOOK_LAST);
	preempt_enable();
}

/* Exactly one thread of a process is told that it is the last. */
static int on_exit_early(struct kprobe *kp, struct pt_regs *regs)
{
	on_leave((int)regs_get_kernel_argument(regs, 1));
	return 0;
}
NOKPROBE_SYMBOL(on_exit_early);

/*
 * The last moment of the old mm of an exec, after all that is written to it on the way
 * out, which may make a stack grow that is locked.
 */
static int on_exec_mm(struct kprobe *kp, struct pt_regs *regs)
{
	struct mm_struct *mm = current->mm;
	struct mlmon_account *account;
	u64 locked;

	account = mlmon_task_find(current);
	if (account)
		account->leaves_mm = true;
	if (!mm || !owns(mm, atomic_read(&mm->mm_users) > 1) ||
	    (!account && !mlmon_ledger_maybe(mm)))
		return 0;
	if (account) {
		mlmon_record_end_series(account);
		mlmon_task_rename(account, current);
	}
	locked = give_back(account, mm);
	if (locked)
		mlmon_record_plain(MLOCK2MON_EXEC, account, 0, -(s64)locked);
	return 0;
}
NOKPROBE_SYMBOL(on_exec_mm);

static void on_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct mlmon_account *account;

	preempt_disable();
	account = mlmon_task_find(task);
	if (account) {
		/* Not told before, as with an exit. */
		if (mlmon_related && !account->leaves_mm)
			mlmon_ledger_distrust();
		account->leaves_mm = false;
		mlmon_record_end_series(account);
		mlmon_task_rename(account, task);
	}
	preempt_enable();
}

/* ---- tracepoints ------------------------------------------------------------------------ */

static struct hook {
	const char		*name;
	void			*function;
	struct tracepoint	*tracepoint;
} hooks[] = {
	{ "sched_process_exit", on_exit },
	{ "sched_process_exec", on_exec },
};

/* The scheduler's tracepoints are not exported, but they can be listed. */
static void find_hook(struct tracepoint *tracepoint, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tracepoint->name, hooks[i].name))
			hooks[i].tracepoint = tracepoint;
}

static void unhook(size_t n)
{
	while (n--)
		tracepoint_probe_unregister(hooks[n].tracepoint, hooks[n].function, NULL);
	tracepoint_synchronize_unregister();
}

static int hook_one(struct hook *hook)
{
	int ret = -ENOENT;

	if (hook->tracepoint)
		ret = tracepoint_probe_register(hook->tracepoint, hook->function, NULL);
	if (ret)
		pr_err("cannot hook tracepoint %s: %d\n", hook->name, ret);
	mlmon_count_probe(hook->name, ret);
	return ret;
}

static int hook_all(void)
{
	size_t i;
	int ret;

	for_each_kernel_tracepoint(find_hook, NULL);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		ret = hook_one(&hooks[i]);
		if (ret) {
			unhook(i);
			return ret;
		}
	}
	return 0;
}

/* ---- probes ----------------------------------------------------------------------------- */

/* All before the mm is left. The second argument of each tells whether the task is the last. */
static const char * const early[] = { "taskstats_exit", "acct_collect" };

static struct kprobe exit_probe;
static struct kprobe exec_probe = {
	.pre_handler	= on_exec_mm,
	.symbol_name	= "membarrier_exec_mmap",
};

static struct kprobe *registered[2];
static unsigned int nr_registered;

static int probe_one(struct kprobe *kp)
{
	int ret = register_kprobe(kp);

	mlmon_count_probe(kp->symbol_name, ret);
	if (!ret)
		registered[nr_registered++] = kp;
	return ret;
}

/* Without these probes the ledger would keep what is no more. */
static int cannot_probe(const char *what, int error)
{
	if (mlmon_related) {
		pr_err("cannot probe %s: %d; related=1 needs it\n", what, error);
		return error;
	}
	pr_warn("cannot probe %s: %d; what they give back will not be seen\n", what, error);
	return 0;
}

static int probe_exit(void)
{
	int ret = -ENOENT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(early) && ret && ret != -ENOMEM; i++) {
		memset(&exit_probe, 0, sizeof(exit_probe));
		exit_probe.pre_handler = on_exit_early;
		exit_probe.symbol_name = early[i];
		ret = probe_one(&exit_probe);
	}
	if (!ret || ret == -ENOMEM)
		return ret;
	return cannot_probe("exits", ret);
}

static int probe_exec(void)
{
	int ret;

	if (!mlmon_related)
		return 0;
	if (!IS_ENABLED(CONFIG_MEMCG)) {
		pr_err("related=1 needs a kernel with CONFIG_MEMCG, which knows whose an mm is\n");
		return -EOPNOTSUPP;
	}
	ret = probe_one(&exec_probe);
	if (!ret || ret == -ENOMEM)
		return ret;
	return cannot_probe("execs", ret);
}

/**
 * mlmon_life_init() - watch tasks leave
 *
 * Context: process, may sleep; before the first account can be opened.
 * Return: 0; -ENOMEM; or the error of a tracepoint.
 */
int mlmon_life_init(void)
{
	int ret;

	ret = hook_all();
	if (ret)
		return ret;
	ret = probe_exit();
	if (!ret)
		ret = probe_exec();
	if (ret)
		mlmon_life_exit();
	return ret;
}

/**
 * mlmon_life_exit() - stop watching
 *
 * Context: process, may sleep; after the last account was opened.
 */
void mlmon_life_exit(void)
{
	unregister_kprobes(registered, nr_registered);
	unhook(ARRAY_SIZE(hooks));
}

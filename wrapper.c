// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers: the C library's functions, watched where a user asks for it, to
 * see attempts that never reach the kernel's functions, because seccomp turned
 * them away for example.
 *
 * An attempt is noted in the account of the task when it enters the wrapper,
 * and forgotten when the task reaches a function of the kernel's. If the
 * wrapper returns, or the task dies, with the attempt still there, it was
 * blocked. What the wrapper put into errno is in the task's memory, and not
 * looked at.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/namei.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uprobes.h>
#include "abi.h"
#include "compat.h"
#include "internal.h"

#define MAX_WRAPPERS	MLMON_NR_FAMILY

struct wrapper {
	enum mlock2mon_call	call;
	struct mlmon_uprobe	probe;
};

static struct wrapper wrappers[MAX_WRAPPERS];
static unsigned int nr_wrappers;	/* those registered */
static struct path place;		/* of the library; held while the module is loaded */

bool mlmon_wrappers;

/* Attempts that were not followed to their end. */
static atomic64_t unknown;

/* ---- handlers --------------------------------------------------------------------------- */

static void note_attempt(struct mlmon_flight *attempt, enum mlock2mon_call call,
			 const struct pt_regs *regs)
{
	memset(attempt, 0, sizeof(*attempt));
	attempt->ts_ns = ktime_get_boot_fast_ns();
	attempt->call = call;
	if (call == MLOCK2MON_MLOCKALL) {
		attempt->flags = mlmon_abi_function_argument(regs, 0);
		return;
	}
	attempt->addr = mlmon_abi_function_argument(regs, 0);
	attempt->len = mlmon_abi_function_argument(regs, 1);
	if (call == MLOCK2MON_MLOCK2)
		attempt->flags = mlmon_abi_function_argument(regs, 2);
}

static int on_enter(MLMON_UPROBE_ARGS)
{
	const struct wrapper *wrapper = container_of(consumer, struct wrapper, probe.consumer);
	struct mlmon_account *account;

	/* While probes are switched off, nobody would be seen to reach the kernel. */
	if (!current->mm || !mlmon_probe_live())
		return 0;
	preempt_disable();
	account = mlmon_task_get();
	/* One that was jumped out of, by a handler of SIGSYS, or that a signal interrupted. */
	if (!account || account->attempt.ts_ns)
		atomic64_inc(&unknown);
	if (account)
		note_attempt(&account->attempt, wrapper->call, regs);
	preempt_enable();
	return 0;
}

static int on_return(MLMON_URETPROBE_ARGS)
{
	struct mlmon_account *account;

	preempt_disable();
	account = mlmon_task_find(current);
	if (account)
		mlmon_wrapper_settle(account);
	preempt_enable();
	return 0;
}

/**
 * mlmon_wrapper_settle() - what became of an attempt, if current made one
 * @account: of current
 *
 * Context: preemption disabled; the wrapper returned, or never will.
 */
void mlmon_wrapper_settle(struct mlmon_account *account)
{
	if (!account->attempt.ts_ns)
		return;
	mlmon_record_blocked(account, &account->attempt);
	account->attempt.ts_ns = 0;
}

/**
 * mlmon_wrapper_passed() - current reached a function of the kernel's
 *
 * Context: preemption disabled.
 */
void mlmon_wrapper_passed(void)
{
	struct mlmon_account *account = mlmon_task_find(current);

	if (account)
		account->attempt.ts_ns = 0;
}
NOKPROBE_SYMBOL(mlmon_wrapper_passed);

/**
 * mlmon_wrapper_unknown() - attempts of which it is not known whether they were blocked
 *
 * Context: any.
 * Return: the number.
 */
u64 mlmon_wrapper_unknown(void)
{
	return atomic64_read(&unknown);
}

/* ---- registration ----------------------------------------------------------------------- */

static int find_call(const char *name)
{
	int call;

	for (call = 0; call < MLMON_NR_FAMILY; call++)
		if (!strcmp(name, mlmon_call_name(call)))
			return call;
	return -EINVAL;
}

/* One of NAME=OFFSET. */
static int add_wrapper(struct inode *inode, char *text)
{
	char *name = strsep(&text, "=");
	struct wrapper *wrapper = &wrappers[nr_wrappers];
	unsigned long long offset;
	int ret;

	ret = find_call(name);
	if (ret < 0 || !text || kstrtoull(text, 0, &offset) || nr_wrappers == MAX_WRAPPERS) {
		pr_err("libc=: '%s' is not NAME=OFFSET, NAME a call of the mlock family\n", name);
		return -EINVAL;
	}
	memset(wrapper, 0, sizeof(*wrapper));
	wrapper->call = ret;
	wrapper->probe.consumer.handler = on_enter;
	wrapper->probe.consumer.ret_handler = on_return;
	if (offset >= i_size_read(inode)) {
		pr_err("libc=: %s at 0x%llx is past the end of the file\n", name, offset);
		return -EINVAL;
	}
	ret = mlmon_uprobe_add(&wrapper->probe, inode, offset);
	if (ret) {
		pr_err("libc=: cannot probe %s at 0x%llx: %d\n", name, offset, ret);
		return ret;
	}
	nr_wrappers++;
	return 0;
}

static int add_wrappers(const char *path, char *list)
{
	char *one;
	int ret;

	ret = kern_path(path, LOOKUP_FOLLOW, &place);
	if (ret) {
		pr_err("libc=: cannot open %s: %d\n", path, ret);
		return ret;
	}
	/* In an overlay, programs map the file beneath. */
	while (!ret) {
		one = strsep(&list, ",");
		if (!one)
			break;
		ret = add_wrapper(d_real_inode(place.dentry), one);
	}
	return ret;
}

/**
 * mlmon_wrapper_init() - watch wrappers, if they are wanted
 * @libc: PATH:NAME=OFFSET[,NAME=OFFSET...], or NULL; offsets in the file, bytes
 *
 * Context: process, may sleep.
 * Return: 0 or -errno, told in the log.
 */
int mlmon_wrapper_init(const char *libc)
{
	char *copy, *list;
	int ret;

	if (!libc || !*libc)
		return 0;
	if (MLMON_URETPROBE_FILTERED) {
		pr_err("libc= would kill programs that have a seccomp filter; not with Linux 6.11 to 6.12.13 and 6.13 to 6.13.2\n");
		return -EOPNOTSUPP;
	}
	copy = kstrdup(libc, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	/* First: who enters a wrapper is seen to reach the kernel. */
	WRITE_ONCE(mlmon_wrappers, true);
	list = strrchr(copy, ':');
	if (list) {
		*list++ = '\0';
		ret = add_wrappers(copy, list);
	} else {
		pr_err("libc=%s is not PATH:NAME=OFFSET[,NAME=OFFSET...]\n", libc);
		ret = -EINVAL;
	}
	kfree(copy);
	if (ret) {
		mlmon_wrapper_exit();
		WRITE_ONCE(mlmon_wrappers, false);
	} else {
		mlmon_count_probe("libc", 0);
	}
	return ret;
}

/**
 * mlmon_wrapper_exit() - stop watching
 *
 * Context: process, may sleep.
 */
void mlmon_wrapper_exit(void)
{
	while (nr_wrappers)
		mlmon_uprobe_del(&wrappers[--nr_wrappers].probe);
	if (place.mnt)
		path_put(&place);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers: the C library's functions, watched where a user asks for it, to
 * see attempts that never reach the kernel's functions, because seccomp turned
 * them away for example.
 *
 * An attempt is noted in the account of the task when it enters the wrapper.
 * If the wrapper returns, or the task dies, and none of the task's calls was
 * seen in between, the attempt was blocked. What the wrapper put into errno is
 * in the task's memory, and not looked at.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/kernel.h>
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

/* ---- handlers --------------------------------------------------------------------------- */

static u64 calls_of(const struct mlmon_account *account)
{
	struct mlmon_totals sum;

	mlmon_task_sum(account, &sum);
	return sum.calls;
}

static void note_attempt(struct mlmon_account *account, enum mlock2mon_call call,
			 const struct pt_regs *regs)
{
	struct mlmon_attempt *attempt = &account->attempt;

	memset(attempt, 0, sizeof(*attempt));
	attempt->calls = calls_of(account);
	attempt->flight.ts_ns = ktime_get_boot_fast_ns();
	attempt->flight.call = call;
	if (call == MLOCK2MON_MLOCKALL) {
		attempt->flight.flags = mlmon_abi_function_argument(regs, 0);
		return;
	}
	attempt->flight.addr = mlmon_abi_function_argument(regs, 0);
	attempt->flight.len = mlmon_abi_function_argument(regs, 1);
	if (call == MLOCK2MON_MLOCK2)
		attempt->flight.flags = mlmon_abi_function_argument(regs, 2);
}

static int on_enter(MLMON_UPROBE_ARGS)
{
	const struct wrapper *wrapper = container_of(consumer, struct wrapper, probe.consumer);
	struct mlmon_account *account;

	preempt_disable();
	account = current->mm ? mlmon_task_get() : NULL;
	if (account)
		note_attempt(account, wrapper->call, regs);
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
	struct mlmon_attempt *attempt = &account->attempt;

	if (!attempt->flight.ts_ns)
		return;
	if (calls_of(account) == attempt->calls && !account->flight.ts_ns)
		mlmon_record_blocked(account, &attempt->flight);
	attempt->flight.ts_ns = 0;
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
	struct path place;
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
	path_put(&place);
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
	copy = kstrdup(libc, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	list = strrchr(copy, ':');
	if (list) {
		*list++ = '\0';
		ret = add_wrappers(copy, list);
	} else {
		pr_err("libc=%s is not PATH:NAME=OFFSET[,NAME=OFFSET...]\n", libc);
		ret = -EINVAL;
	}
	kfree(copy);
	if (ret)
		mlmon_wrapper_exit();
	else
		mlmon_count_probe("libc", 0);
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
}

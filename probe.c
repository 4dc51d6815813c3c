// SPDX-License-Identifier: GPL-2.0
/*
 * The probes of the mlock family: on every entry point a kprobe that counts the
 * entry and a kretprobe that sees the return. The handlers are in call.c.
 *
 * The two sit on the same address. The kprobe runs first and leaves itself in
 * the per-CPU `hit`; the kretprobe arms a return only if it finds that, so a
 * return is never seen without its entry counted, whatever the moment of load.
 * If the kretprobe has no instance left, or finds no mm, the entry stays
 * without an arming: that is what `missed` counts.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/string.h>
#include "abi.h"
#include "compat.h"
#include "internal.h"

#define MAX_PROBES	(MLMON_NR_ABIS * MLMON_NR_FAMILY)

static struct mlmon_probe probes[MAX_PROBES];
static struct kprobe *entries[MAX_PROBES + 1];	/* those registered */
static struct kretprobe *exits[MAX_PROBES];	/* likewise */
static unsigned int nr_entries;
static unsigned int nr_exits;

const int *mlmon_max_map_count;

/* ---- are the probes switched on? -------------------------------------------------------- */

/*
 * kprobes, and ftrace beneath them, can be switched off for the whole machine
 * without a word to those who use them. So a probe of the same kind sits on a
 * function of ours, and whoever wants to know calls it.
 */
static atomic_t pulses = ATOMIC_INIT(0);

static noinline void pulse(void)
{
	barrier();
}

static int count_pulse(struct kprobe *kp, struct pt_regs *regs)
{
	atomic_inc(&pulses);
	return 0;
}
NOKPROBE_SYMBOL(count_pulse);

static struct kprobe pulse_probe = {
	.addr		= (kprobe_opcode_t *)pulse,
	.pre_handler	= count_pulse,
};

/**
 * mlmon_probe_live() - do probes fire
 *
 * Context: process.
 * Return: false if kprobes are switched off, and so calls pass unseen and uncounted.
 */
bool mlmon_probe_live(void)
{
	int before = atomic_read(&pulses);

	pulse();
	return atomic_read(&pulses) != before;
}

/* ---- registration ----------------------------------------------------------------------- */

/*
 * vm.max_map_count is not exported. A kprobe on data is refused, but its
 * symbol is looked up first, and that is all that is wanted.
 */
static const int *find_max_map_count(void)
{
	struct kprobe kp = { .symbol_name = "sysctl_max_map_count" };

	if (!register_kprobe(&kp)) {
		unregister_kprobe(&kp);
		return NULL;
	}
	return (const int *)kp.addr;
}

/*
 * A call without arguments has one entry point for all ABIs, under several
 * names; probed under each, a call would be seen twice. Only a registered
 * kprobe tells the address, so the one that found an alias stays, disabled,
 * until unload: to take it away would cost a grace period.
 */
static int find_alias(struct mlmon_probe *probe, bool *alias)
{
	const struct mlmon_probe *first = &probes[probe->call];
	int ret;

	*alias = false;
	if (first == probe || probe->call != MLOCK2MON_MUNLOCKALL)
		return 0;

	probe->entry.symbol_name = probe->symbol;
	probe->entry.flags = KPROBE_FLAG_DISABLED;
	ret = register_kprobe(&probe->entry);
	*alias = !ret && probe->entry.addr == first->entry.addr;
	if (*alias) {
		entries[nr_entries++] = &probe->entry;
		return 0;
	}
	if (!ret)
		unregister_kprobe(&probe->entry);
	memset(&probe->entry, 0, sizeof(probe->entry));
	return ret;
}

/* The kprobe last, so that it is the first of the two to run. */
static int register_probe(struct mlmon_probe *probe, unsigned int maxactive)
{
	bool alias;
	int ret;

	ret = find_alias(probe, &alias);
	if (ret || alias)
		return ret;

	probe->exit.kp.symbol_name = probe->symbol;
	probe->exit.entry_handler = mlmon_call_arm;
	probe->exit.handler = mlmon_call_return;
	probe->exit.data_size = sizeof(struct mlmon_pending);
	probe->exit.maxactive = maxactive;
	ret = register_kretprobe(&probe->exit);
	if (ret)
		return ret;

	probe->entry.symbol_name = probe->symbol;
	probe->entry.pre_handler = mlmon_call_count;
	ret = register_kprobe(&probe->entry);
	if (ret) {
		unregister_kretprobe(&probe->exit);
		return ret;
	}

	entries[nr_entries++] = &probe->entry;
	exits[nr_exits++] = &probe->exit;
	return 0;
}

/* The kprobes first: a return is not armed without its entry counted. */
static void unregister_probes(void)
{
	unregister_kprobes(entries, nr_entries);	/* the pulse's is one of them */
	unregister_kretprobes(exits, nr_exits);
}

static int add_probe(enum mlmon_abi abi, enum mlock2mon_call call, unsigned int maxactive)
{
	struct mlmon_probe *probe = &probes[abi * MLMON_NR_FAMILY + call];
	char name[32];
	int ret;

	probe->counts = &mlmon_counts->call[call];
	probe->call = call;
	probe->abi = abi;
	snprintf(probe->symbol, sizeof(probe->symbol), "%s%s", mlmon_abi_ways[abi].prefix,
		 mlmon_call_name(call));
	snprintf(name, sizeof(name), "%s.%s", mlmon_call_name(call), mlmon_abi_ways[abi].name);

	ret = register_probe(probe, maxactive);
	mlmon_count_probe(name, ret);
	if (!ret || ret == -ENOMEM)
		return ret;
	if (abi == MLMON_ABI_NATIVE && call == MLOCK2MON_MLOCK2) {
		pr_err("cannot probe %s: %d\n", probe->symbol, ret);
		return ret;
	}
	pr_warn("cannot probe %s: %d; such calls will not be seen\n", probe->symbol, ret);
	return 0;
}

static int add_probes(unsigned int maxactive)
{
	int abi, call, ret;

	for (abi = 0; abi < MLMON_NR_ABIS; abi++) {
		for (call = 0; mlmon_abi_ways[abi].present && call < MLMON_NR_FAMILY; call++) {
			ret = add_probe(abi, call, maxactive);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/**
 * mlmon_probe_init() - start to watch
 * @maxactive: calls of one kind that may be inside the kernel at once
 *
 * Context: process, may sleep.
 * Return: 0; -ENOMEM; or the error of the probe the module cannot be without.
 */
int mlmon_probe_init(unsigned int maxactive)
{
	int ret;

	mlmon_max_map_count = find_max_map_count();

	ret = register_kprobe(&pulse_probe);
	if (ret)
		return ret;
	entries[nr_entries++] = &pulse_probe;

	ret = add_probes(maxactive);
	if (ret)
		unregister_probes();
	return ret;
}

/**
 * mlmon_probe_exit() - stop watching
 *
 * Calls still inside the kernel return without being seen: their instances
 * belong to the kernel, which takes our handlers off them and waits for those
 * that run.
 *
 * Context: process, may sleep.
 */
void mlmon_probe_exit(void)
{
	unregister_probes();
}

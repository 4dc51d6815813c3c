// SPDX-License-Identifier: GPL-2.0
/*
 * Related calls: those that are not of the mlock family, but lock memory on
 * the way, or give locked memory back.
 *
 * Almost all of them have nothing to do with locked memory. The handler at the
 * entry looks at the mm and at the flags, and says so as fast as it can. Only
 * a return is then probed: what counts as an entry is a call that matters, so
 * entries = returns + in_flight + missed, where missed is what the kernel says
 * of the probes, for all calls, whether they matter or not.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ipc.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/uaccess.h>
#include <uapi/linux/shm.h>
#include "abi.h"
#include "compat.h"
#include "internal.h"

struct related {
	enum mlock2mon_call	call;
	enum mlmon_abi		abi;
	const char		*symbol;
	/* Fills in the arguments. False if the call is none that matters. */
	bool			(*fetch)(struct mlmon_pending *pending, const u64 *arg);
	/* May the call matter to a process that has nothing to do with locked memory? */
	bool			(*asks)(const u64 *arg);
	struct kretprobe	probe;
};

/* ---- arguments -------------------------------------------------------------------------- */

/* Does new memory of this mm come locked? */
static bool inherits(void)
{
	return current->mm->def_flags & VM_LOCKED;
}

static bool holds(void)
{
	return READ_ONCE(current->mm->locked_vm);
}

static bool asks_mmap(const u64 *arg)
{
	return arg[3] & MAP_LOCKED;
}

static bool asks_unknown(const u64 *arg)
{
	return true;
}

static bool fetch_mmap(struct mlmon_pending *pending, const u64 *arg)
{
	pending->asks = asks_mmap(arg) || inherits();
	pending->flight.addr = arg[0];
	pending->flight.len = arg[1];
	pending->flight.flags = arg[3];
	return pending->asks || holds();
}

/* Reads arguments that are in memory. False if a page would have to be brought in. */
static bool read_arguments(u64 at, u64 wide[4])
{
	u32 raw[4];
	unsigned long left;
	int i;

	pagefault_disable();
	left = __copy_from_user_inatomic(raw, (const u32 __user *)(unsigned long)at, sizeof(raw));
	pagefault_enable();
	for (i = 0; i < 4 && !left; i++)
		wide[i] = raw[i];
	return !left;
}

/*
 * The oldest way in: all arguments are in memory, which another thread may change, and which
 * may not be there before the call itself has read it.
 */
static bool fetch_old_mmap(struct mlmon_pending *pending, const u64 *arg)
{
	u64 wide[4];

	if (read_arguments(arg[0], wide))
		return fetch_mmap(pending, wide);
	pending->unread = arg[0];
	return true;
}

/* If they still cannot be read, the call is worth a record, unless it could not read them. */
static void fetch_late(struct mlmon_pending *pending, s64 ret)
{
	u64 wide[4];

	pending->asks = ret != -EFAULT;
	if (read_arguments(pending->unread, wide))
		fetch_mmap(pending, wide);
}

static bool fetch_munmap(struct mlmon_pending *pending, const u64 *arg)
{
	pending->flight.addr = arg[0];
	pending->flight.len = arg[1];
	return holds();
}

static bool fetch_mremap(struct mlmon_pending *pending, const u64 *arg)
{
	pending->flight.addr = arg[0];
	pending->old_len = arg[1];
	pending->flight.len = arg[2];
	pending->flight.flags = arg[3];
	pending->new_addr = arg[3] & MREMAP_FIXED ? arg[4] : 0;
	return holds();
}

static bool fetch_brk(struct mlmon_pending *pending, const u64 *arg)
{
	u64 now = PAGE_ALIGN(READ_ONCE(current->mm->brk));
	u64 then = PAGE_ALIGN(arg[0]);

	pending->flight.addr = arg[0];
	pending->flight.len = then > now ? then - now : 0;
	pending->asks = pending->flight.len && inherits();
	return pending->asks || holds();
}

static bool fetch_shmat(struct mlmon_pending *pending, const u64 *arg)
{
	pending->asks = inherits();
	pending->flight.addr = arg[1];
	pending->flight.flags = arg[2];
	return pending->asks || holds();
}

static bool fetch_shmdt(struct mlmon_pending *pending, const u64 *arg)
{
	pending->flight.addr = arg[0];
	return holds();
}

static bool fetch_shmctl(struct mlmon_pending *pending, const u64 *arg)
{
	int command = (int)arg[1] & ~IPC_64;

	pending->asks = command == SHM_LOCK || command == SHM_UNLOCK;
	pending->flight.addr = arg[0];
	pending->flight.flags = command;
	return pending->asks;
}

/* One way in for all of System V; the first argument tells which, and a version. */
static bool fetch_ipc(struct mlmon_pending *pending, const u64 *arg)
{
	const u64 shmat[] = { arg[1], arg[4], arg[2] };
	const u64 shmdt[] = { arg[4] };
	const u64 shmctl[] = { arg[1], arg[2] };

	switch (arg[0] & 0xffff) {
	case SHMAT:
		pending->flight.call = MLOCK2MON_SHMAT;
		return fetch_shmat(pending, shmat);
	case SHMDT:
		pending->flight.call = MLOCK2MON_SHMDT;
		return fetch_shmdt(pending, shmdt);
	case SHMCTL:
		pending->flight.call = MLOCK2MON_SHMCTL;
		return fetch_shmctl(pending, shmctl);
	default:
		return false;
	}
}

/* ---- handlers --------------------------------------------------------------------------- */

/* NULL if the probe is being taken away. */
static const struct related *related_of(struct kretprobe_instance *ri)
{
	const struct kretprobe *probe = mlmon_kretprobe_of(ri);

	return probe ? container_of(probe, struct related, probe) : NULL;
}

static void count_entry(const struct mlmon_pending *pending)
{
	__this_cpu_inc(mlmon_counts->call[pending->flight.call].entries);
}

/* Returns 1 if the return need not be seen. */
static int see_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct related *related = related_of(ri);
	struct mlmon_pending *pending = (struct mlmon_pending *)ri->data;
	const struct pt_regs *user = mlmon_abi_user(regs);
	u64 arg[6];
	unsigned int i;

	if (!related || !current->mm)
		return 1;
	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = mlmon_abi_argument(related->abi, user, i);
	if (!holds() && !inherits() && !(related->asks && related->asks(arg)))
		return 1;
	memset(pending, 0, sizeof(*pending));
	pending->flight.call = related->call;
	if (!related->fetch(pending, arg))
		return 1;
	count_entry(pending);
	/* Moving waits for pages, too. */
	mlmon_call_enter(pending, pending->asks || pending->flight.call == MLOCK2MON_MREMAP);
	return 0;
}
NOKPROBE_SYMBOL(see_entry);

/* What the C library would say: brk() itself gives the break as it was. */
static s64 result(const struct mlmon_pending *pending, unsigned long ret)
{
	if (pending->flight.call == MLOCK2MON_BRK && ret < pending->flight.addr)
		return -ENOMEM;
	if (mlmon_abi_in_compat())
		return IS_ERR_VALUE((long)(int)ret) ? (int)ret : (s64)(u32)ret;
	return (s64)ret;
}

static int see_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct mlmon_pending *pending = (struct mlmon_pending *)ri->data;
	s64 ret = result(pending, regs_return_value(regs));

	if (unlikely(pending->unread))
		fetch_late(pending, ret);
	mlmon_call_leave(pending, ret);
	return 0;
}
NOKPROBE_SYMBOL(see_return);

/* A stack that is locked grows as it is touched: no call, but it counts as one. */
static int see_growth(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct mlmon_pending *pending = (struct mlmon_pending *)ri->data;
	const struct vm_area_struct *vma;
	u64 start;

	vma = (const struct vm_area_struct *)regs_get_kernel_argument(regs, 0);
	if (!current->mm || vma->vm_mm != current->mm || !(vma->vm_flags & VM_LOCKED))
		return 1;
	/* An exit touches memory after all has been given back, too. */
	if (current->flags & PF_EXITING)
		return 1;
	start = READ_ONCE(vma->vm_start);
	memset(pending, 0, sizeof(*pending));
	pending->flight.call = MLOCK2MON_STACK;
	pending->flight.addr = regs_get_kernel_argument(regs, 1) & PAGE_MASK;
	/* On some kernels another thread may have been faster. */
	pending->flight.len = start > pending->flight.addr ? start - pending->flight.addr : 0;
	count_entry(pending);
	mlmon_call_enter(pending, false);
	return 0;
}
NOKPROBE_SYMBOL(see_growth);

static int see_grown(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	mlmon_call_leave((struct mlmon_pending *)ri->data, (int)regs_return_value(regs));
	return 0;
}
NOKPROBE_SYMBOL(see_grown);

/* ---- registration ----------------------------------------------------------------------- */

/* What a call is that has such arguments. */
static const struct {
	enum mlock2mon_call	call;
	bool			(*fetch)(struct mlmon_pending *pending, const u64 *arg);
	bool			(*asks)(const u64 *arg);
} forms[MLMON_NR_FORMS] = {
	[MLMON_FORM_MMAP]	= { MLOCK2MON_MMAP, fetch_mmap, asks_mmap },
	[MLMON_FORM_OLD_MMAP]	= { MLOCK2MON_MMAP, fetch_old_mmap, asks_unknown },
	[MLMON_FORM_MUNMAP]	= { MLOCK2MON_MUNMAP, fetch_munmap },
	[MLMON_FORM_MREMAP]	= { MLOCK2MON_MREMAP, fetch_mremap },
	[MLMON_FORM_BRK]	= { MLOCK2MON_BRK, fetch_brk },
	[MLMON_FORM_SHMAT]	= { MLOCK2MON_SHMAT, fetch_shmat },
	[MLMON_FORM_SHMDT]	= { MLOCK2MON_SHMDT, fetch_shmdt },
	[MLMON_FORM_SHMCTL]	= { MLOCK2MON_SHMCTL, fetch_shmctl, asks_unknown },
	[MLMON_FORM_IPC]	= { MLOCK2MON_SHMCTL, fetch_ipc, asks_unknown },
};

/* The last is of no call. */
#define NR_PROBES	(ARRAY_SIZE(mlmon_abi_related) + 1)

static struct related probes[NR_PROBES];	/* described when they are wanted */
static struct kretprobe *registered[NR_PROBES];
static unsigned int nr_registered;

static int add_probe(struct related *related, unsigned int maxactive)
{
	int ret;

	related->probe.kp.symbol_name = related->symbol;
	related->probe.entry_handler = related->fetch ? see_entry : see_growth;
	related->probe.handler = related->fetch ? see_return : see_grown;
	related->probe.data_size = sizeof(struct mlmon_pending);
	related->probe.maxactive = maxactive;
	ret = register_kretprobe(&related->probe);
	mlmon_count_probe(related->symbol, ret);
	if (!ret)
		registered[nr_registered++] = &related->probe;
	else if (ret != -ENOMEM)
		pr_warn("cannot probe %s: %d; such calls will not be seen\n", related->symbol, ret);
	return ret == -ENOMEM ? ret : 0;
}

static void describe_probes(void)
{
	const struct mlmon_abi_related *from;
	size_t i;

	probes[NR_PROBES - 1].call = MLOCK2MON_STACK;
	probes[NR_PROBES - 1].symbol = "expand_downwards";
	for (i = 0; i < ARRAY_SIZE(mlmon_abi_related); i++) {
		from = &mlmon_abi_related[i];
		probes[i].call = forms[from->form].call;
		probes[i].abi = from->abi;
		probes[i].symbol = from->symbol;
		probes[i].fetch = forms[from->form].fetch;
		probes[i].asks = forms[from->form].asks;
	}
}

/**
 * mlmon_related_missed() - calls that found no instance of their probe
 * @call: which
 *
 * Context: process.
 * Return: the number, of all such calls, whether they would have mattered or not.
 */
u64 mlmon_related_missed(enum mlock2mon_call call)
{
	u64 sum = 0;
	size_t i;

	for (i = 0; mlmon_related && i < NR_PROBES; i++)
		if (probes[i].call == call)
			sum += READ_ONCE(probes[i].probe.nmissed) +
			       READ_ONCE(probes[i].probe.kp.nmissed);
	return sum;
}

/**
 * mlmon_related_init() - watch related calls, if they are wanted
 * @maxactive: calls of one kind that may be inside the kernel at once
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_related_init(unsigned int maxactive)
{
	size_t i;
	int ret;

	describe_probes();
	for (i = 0; mlmon_related && i < NR_PROBES; i++) {
		if (probes[i].abi == MLMON_ABI_COMPAT && !MLMON_HAS_COMPAT)
			continue;
		ret = add_probe(&probes[i], maxactive);
		if (ret) {
			mlmon_related_exit();
			return ret;
		}
	}
	return 0;
}

/**
 * mlmon_related_exit() - stop watching
 *
 * Context: process, may sleep.
 */
void mlmon_related_exit(void)
{
	unregister_kretprobes(registered, nr_registered);
}

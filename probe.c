// SPDX-License-Identifier: GPL-2.0
/*
 * From registers to the facts of one call: a kprobe that counts the entry and
 * a kretprobe that sees the return, on every entry point of the mlock family.
 *
 * The two sit on the same address. The kprobe runs first and leaves itself in
 * the per-CPU `hit`; the kretprobe arms a return only if it finds that, so a
 * return is never seen without its entry counted, whatever the moment of load.
 * If the kretprobe has no instance left, or finds no mm, the entry stays
 * without an arming: that is what `missed` counts.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/user_namespace.h>
#include <linux/binfmts.h>
#include "compat.h"
#include "internal.h"
#include "why.h"

enum abi {
	ABI_X64,
	ABI_IA32,
	NR_ABIS
};

struct mlmon_probe {
	enum mlock2mon_call	call;
	enum abi		abi;
	char			symbol[32];
	struct kprobe		entry;
	struct kretprobe	exit;
};

static const struct {
	const char	*name;
	const char	*prefix;
	bool		present;
} abis[NR_ABIS] = {
	[ABI_X64]	= { "x64", "__x64_sys_", true },
	[ABI_IA32]	= { "ia32", "__ia32_sys_", IS_ENABLED(CONFIG_IA32_EMULATION) },
};

#define MAX_PROBES	(NR_ABIS * MLOCK2MON_NR_CALLS)

static struct mlmon_probe probes[MAX_PROBES];
static struct kprobe *entries[MAX_PROBES + 1];	/* those registered */
static struct kretprobe *exits[MAX_PROBES];	/* likewise */
static unsigned int nr_entries;
static unsigned int nr_exits;

static const int *max_map_count;		/* vm.max_map_count, or NULL */

/* What is known of a call at its entry, kept until it returns. */
struct pending {
	struct mlmon_flight	flight;
	struct mlmon_account	*account;	/* NULL if the pool was empty */
	u64			limit;		/* bytes */
	u64			locked;		/* pages */
	unsigned long		def_flags;	/* what later mappings inherit */
	u32			generation;	/* see overlap_enter() */
	bool			shared;		/* others use the mm */
	bool			compat;
	bool			racy;
};

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

static void overlap_enter(struct pending *pending, struct mm_struct *mm)
{
	unsigned int place;
	u64 after;

	pending->flight.overlap = 0;
	pending->racy = false;
	pending->shared = atomic_read(&mm->mm_users) > 1;
	if (!pending->shared)
		return;
	place = hash_ptr(mm, OVERLAP_BITS);
	after = atomic64_add_return(OVERLAP_BEGIN, &overlap[place]);
	pending->flight.overlap = place + 1;
	pending->generation = after >> 32;
	pending->racy = (u32)after > 1;
}

static void overlap_abandon(u16 place)
{
	if (place)
		atomic64_dec(&overlap[place - 1]);
}

static bool overlap_leave(const struct pending *pending)
{
	u64 after;

	if (!pending->flight.overlap)
		return false;
	after = atomic64_dec_return(&overlap[pending->flight.overlap - 1]);
	return pending->racy || (u32)(after >> 32) != pending->generation;
}

/* ---- entry ------------------------------------------------------------------------------ */

static int count_entry(struct kprobe *kp, struct pt_regs *regs)
{
	const struct mlmon_probe *probe = container_of(kp, struct mlmon_probe, entry);
	struct mlmon_counts *counts = this_cpu_ptr(mlmon_counts);

	counts->call[probe->call].entries++;
	counts->hit = probe;
	return 0;
}
NOKPROBE_SYMBOL(count_entry);

/* The entry points take a pointer to the registers user space came with. */
static void fetch_arguments(struct mlmon_flight *flight, enum abi abi, struct pt_regs *regs)
{
	const struct pt_regs *user = (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
	u64 first, second, third;

	if (abi == ABI_X64) {
		first = user->di;
		second = user->si;
		third = user->dx;
	} else {
		first = (u32)user->bx;
		second = (u32)user->cx;
		third = (u32)user->dx;
	}

	flight->addr = 0;
	flight->len = 0;
	flight->flags = 0;
	switch (flight->call) {
	case MLOCK2MON_MLOCK2:
		flight->flags = third;
		fallthrough;
	case MLOCK2MON_MLOCK:
	case MLOCK2MON_MUNLOCK:
		flight->addr = first;
		flight->len = second;
		break;
	case MLOCK2MON_MLOCKALL:
		flight->flags = first;
		break;
	}
}

/* Returns 1 if the return need not be seen. */
static int see_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct mlmon_probe *probe = container_of(mlmon_kretprobe_of(ri),
						       struct mlmon_probe, exit);
	struct mlmon_counts *counts = this_cpu_ptr(mlmon_counts);
	struct pending *pending = (struct pending *)ri->data;
	struct mm_struct *mm = current->mm;

	if (counts->hit != probe || !mm)
		return 1;
	counts->hit = NULL;
	counts->call[probe->call].armed++;

	pending->flight.call = probe->call;
	pending->compat = in_ia32_syscall();
	fetch_arguments(&pending->flight, probe->abi, regs);
	pending->limit = rlimit(RLIMIT_MEMLOCK);
	pending->locked = READ_ONCE(mm->locked_vm);
	pending->def_flags = READ_ONCE(mm->def_flags);
	overlap_enter(pending, mm);
	pending->flight.ts_ns = ktime_get_boot_fast_ns();

	pending->account = mlmon_task_get();
	if (pending->account)
		mlmon_task_enter(pending->account, &pending->flight);
	else
		counts->call[probe->call].untracked++;
	return 0;
}
NOKPROBE_SYMBOL(see_entry);

/* ---- return ----------------------------------------------------------------------------- */

/*
 * Who held mmap_lock last tells how far a call came: it takes the lock for
 * writing to change the map, and only then for reading to bring pages in. A
 * reader leaves its mark when it lets go, a writer leaves none. So the mark of
 * current can only be from bringing in; no mark, with nobody else about, means
 * that it was not reached. Not on PREEMPT_RT, nor where the debugging of
 * rwsems wipes the mark: then the other facts must do.
 */
static enum mlmon_populated populated(struct mm_struct *mm)
{
#if !defined(CONFIG_PREEMPT_RT) && !defined(CONFIG_DEBUG_RWSEMS)
	unsigned long holder = atomic_long_read(&mm->mmap_lock.owner) & ~7UL;

	if (holder == (unsigned long)current)
		return MLMON_POPULATE_YES;
	if (!holder && atomic_read(&mm->mm_users) <= 1)
		return MLMON_POPULATE_NO;
#endif
	return MLMON_POPULATE_UNKNOWN;
}

static u16 capability(void)
{
	const struct cred *cred = current_cred();

	if (!cap_raised(cred->cap_effective, CAP_IPC_LOCK))
		return 0;
	return cred->user_ns == &init_user_ns ? MLOCK2MON_ATTR_CAP : MLOCK2MON_ATTR_CAPNS;
}

static bool asked_onfault(const struct mlmon_flight *flight)
{
	switch (flight->call) {
	case MLOCK2MON_MLOCK2:
		return flight->flags & MLMON_MLOCK_ONFAULT;
	case MLOCK2MON_MLOCKALL:
		return flight->flags & MLMON_MCL_ONFAULT;
	default:
		return false;
	}
}

static void fill_call(struct mlock2mon_record *rec, const struct pending *pending, u64 now,
		      s64 ret)
{
	const struct mlmon_flight *flight = &pending->flight;

	rec->ts_ns = flight->ts_ns;
	/* The fast clock may step back a little while it is being adjusted. */
	rec->dur_ns = now > flight->ts_ns ? now - flight->ts_ns : 0;
	rec->addr = flight->addr;
	rec->len = flight->len;
	rec->flags = flight->flags;
	rec->call = flight->call;
	rec->ret = ret;
	rec->limit = pending->limit;
	rec->attr = capability();
	if (pending->compat)
		rec->attr |= MLOCK2MON_ATTR_COMPAT;
	if (asked_onfault(flight))
		rec->attr |= MLOCK2MON_ATTR_ONFAULT;
	if (overlap_leave(pending))
		rec->attr |= MLOCK2MON_ATTR_RACY;
}

static void fill_caller(struct mlock2mon_record *rec, const struct mlmon_account *account)
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
	rec->pid = current->tgid;
	rec->tid = current->pid;
	rec->uid = __kuid_val(current_uid());
	rec->cgroup = mlmon_task_cgroup();
	rec->cpu = smp_processor_id();
	BUILD_BUG_ON(sizeof(rec->comm) != sizeof(current->comm));
	memcpy(rec->comm, current->comm, sizeof(rec->comm));
	/* A slot may hold an older record. */
	memset(rec->site, 0, sizeof(rec->site));
	rec->ns_ppid = 0;
	rec->mnt_ns = 0;
	rec->pid_ns = 0;
	rec->repeat = 0;
}

static bool has_huge_pages(struct mm_struct *mm)
{
#ifdef CONFIG_HUGETLB_PAGE
	return atomic_long_read(&mm->hugetlb_usage);
#else
	return false;
#endif
}

/*
 * Where a look at the map settles what is left open otherwise: the several
 * kinds of ENOMEM, and a success that changed nothing in a process that has
 * huge pages, which are never locked. All else is not worth the time.
 */
static bool worth_a_look(const struct mlmon_facts *facts, struct mm_struct *mm)
{
	if (facts->call == MLOCK2MON_MLOCKALL || facts->call == MLOCK2MON_MUNLOCKALL)
		return false;
	if (facts->ret)
		return facts->ret == -ENOMEM;
	return facts->after == facts->before && has_huge_pages(mm);
}

static void look_at_range(struct mlmon_facts *facts, struct mm_struct *mm)
{
	struct mlmon_map map;

	mlmon_map_look(mm, mlmon_page_addr(facts), mlmon_page_len(facts), &map);
	facts->looked = map.known;
	facts->overlap = map.locked >> PAGE_SHIFT;
	facts->hole = map.hole;
	facts->shared = facts->shared || (map.known && !map.alone);
}

static void fill_memory(struct mlock2mon_record *rec, const struct pending *pending)
{
	struct mm_struct *mm = current->mm;
	struct mlmon_facts facts = {
		.addr		= rec->addr,
		.len		= rec->len,
		.ret		= rec->ret,
		.before		= pending->locked,
		.after		= READ_ONCE(mm->locked_vm),
		.total_vm	= READ_ONCE(mm->total_vm),
		.limit		= rec->limit,
		.map_count	= READ_ONCE(mm->map_count),
		.max_map_count	= max_map_count ? READ_ONCE(*max_map_count) : 0,
		.flags		= rec->flags,
		.call		= rec->call,
		.populated	= rec->ret < 0 ? populated(mm) : MLMON_POPULATE_UNKNOWN,
		.page_shift	= PAGE_SHIFT,
		.cap		= rec->attr & MLOCK2MON_ATTR_CAP,
		.shared		= pending->shared || atomic_read(&mm->mm_users) > 1,
		.future_changed	= (READ_ONCE(mm->def_flags) ^ pending->def_flags) &
				  (VM_LOCKED | VM_LOCKONFAULT),
	};
	struct mlmon_verdict verdict;

	if (worth_a_look(&facts, mm))
		look_at_range(&facts, mm);
	verdict = mlmon_why(&facts);

	rec->locked = facts.after << PAGE_SHIFT;
	rec->delta = (s64)(facts.after - facts.before) << PAGE_SHIFT;
	rec->why = verdict.why;
	rec->detail = verdict.detail;
	if (verdict.likely)
		rec->attr |= MLOCK2MON_ATTR_LIKELY;
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

static void count_return(struct mlmon_call_counts *counts, const struct mlock2mon_record *rec)
{
	counts->returns++;
	counts->why[rec->why]++;
	counts->bucket[min(fls64(rec->dur_ns), MLMON_NR_BUCKETS - 1)]++;
	if (rec->ret < 0) {
		counts->failures++;
		counts->error[errno_index(rec->ret)]++;
	}
}

static int see_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct pending *pending = (const struct pending *)ri->data;
	struct mlmon_counts *counts = this_cpu_ptr(mlmon_counts);
	u64 now = ktime_get_boot_fast_ns();
	struct mlock2mon_record *slot, *rec;
	u64 seq;

	slot = mlmon_ring_begin(&mlmon_ring, &seq);
	rec = slot ? slot : &counts->scratch;
	fill_call(rec, pending, now, (long)regs_return_value(regs));
	fill_caller(rec, pending->account);
	fill_memory(rec, pending);
	count_return(&counts->call[rec->call], rec);
	if (pending->account)
		mlmon_task_leave(pending->account, rec);
	if (slot)
		mlmon_ring_end(&mlmon_ring, slot, seq);
	return 0;
}
NOKPROBE_SYMBOL(see_return);

/* ---- tasks that exit or exec ------------------------------------------------------------ */

static void on_exit(void *data, struct task_struct *task)
{
	struct mlmon_account *account;

	preempt_disable();
	account = mlmon_task_find(task);
	if (account) {
		/* It died inside a call: that return will never be seen. */
		if (account->flight.ts_ns) {
			this_cpu_inc(mlmon_counts->call[account->flight.call].abandoned);
			overlap_abandon(account->flight.overlap);
		}
		mlmon_task_del(account);
	}
	preempt_enable();
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct mlmon_account *account;

	preempt_disable();
	account = mlmon_task_find(task);
	if (account)
		mlmon_task_rename(account, task);
	preempt_enable();
}

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
static bool is_alias(struct mlmon_probe *probe)
{
	const struct mlmon_probe *first = &probes[probe->call];

	if (first == probe || probe->call != MLOCK2MON_MUNLOCKALL)
		return false;

	probe->entry.symbol_name = probe->symbol;
	probe->entry.flags = KPROBE_FLAG_DISABLED;
	if (register_kprobe(&probe->entry))
		return false;
	if (probe->entry.addr == first->entry.addr) {
		entries[nr_entries++] = &probe->entry;
		return true;
	}
	unregister_kprobe(&probe->entry);
	memset(&probe->entry, 0, sizeof(probe->entry));
	return false;
}

/* The kprobe last, so that it is the first of the two to run. */
static int register_probe(struct mlmon_probe *probe, unsigned int maxactive)
{
	int ret;

	if (is_alias(probe))
		return 0;

	probe->exit.kp.symbol_name = probe->symbol;
	probe->exit.entry_handler = see_entry;
	probe->exit.handler = see_return;
	probe->exit.data_size = sizeof(struct pending);
	probe->exit.maxactive = maxactive;
	ret = register_kretprobe(&probe->exit);
	if (ret)
		return ret;

	probe->entry.symbol_name = probe->symbol;
	probe->entry.pre_handler = count_entry;
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

static int add_probe(enum abi abi, enum mlock2mon_call call, unsigned int maxactive)
{
	struct mlmon_probe *probe = &probes[abi * MLOCK2MON_NR_CALLS + call];
	char name[32];
	int ret;

	probe->call = call;
	probe->abi = abi;
	snprintf(probe->symbol, sizeof(probe->symbol), "%s%s", abis[abi].prefix,
		 mlmon_call_name(call));
	snprintf(name, sizeof(name), "%s.%s", mlmon_call_name(call), abis[abi].name);

	ret = register_probe(probe, maxactive);
	mlmon_count_probe(name, ret);
	if (!ret || ret == -ENOMEM)
		return ret;
	if (abi == ABI_X64 && call == MLOCK2MON_MLOCK2) {
		pr_err("cannot probe %s: %d\n", probe->symbol, ret);
		return ret;
	}
	pr_warn("cannot probe %s: %d; such calls will not be seen\n", probe->symbol, ret);
	return 0;
}

static int add_probes(unsigned int maxactive)
{
	int abi, call, ret;

	for (abi = 0; abi < NR_ABIS; abi++) {
		for (call = 0; abis[abi].present && call < MLOCK2MON_NR_CALLS; call++) {
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
 * Return: 0; -ENOMEM; or the error of a probe or hook the module cannot be without.
 */
int mlmon_probe_init(unsigned int maxactive)
{
	int ret;

	max_map_count = find_max_map_count();

	ret = hook_all();		/* before the first account can be opened */
	if (ret)
		return ret;

	ret = register_kprobe(&pulse_probe);
	if (ret)
		goto err_hooks;
	entries[nr_entries++] = &pulse_probe;

	ret = add_probes(maxactive);
	if (ret)
		goto err_probes;

	return 0;

err_probes:
	unregister_probes();
err_hooks:
	unhook(ARRAY_SIZE(hooks));
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
	unhook(ARRAY_SIZE(hooks));	/* after the last account was opened */
}

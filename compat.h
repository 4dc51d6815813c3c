/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that may name a kernel version. Everything else uses
 * interfaces that are the same on all supported kernels.
 */
#ifndef MLMON_COMPAT_H
#define MLMON_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/uprobes.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "mlock2mon needs Linux 5.10 or newer"
#endif

/*
 * kprobes: Add kretprobe::rp removal (v5.11): an instance no longer points to its probe. Where
 * it gets there by another way than a rethook, NULL while the probe is being taken away.
 */
static inline struct kretprobe *mlmon_kretprobe_of(struct kretprobe_instance *ri)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	return get_kretprobe(ri);
#else
	return ri->rp;
#endif
}

/*
 * rcu: Make call_rcu() lazy to save power (v6.2), by 10 seconds, on processors that leave
 * callbacks to others.
 */
static inline void mlmon_call_rcu_soon(struct rcu_head *head, rcu_callback_t func)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	call_rcu_hurry(head, func);
#else
	call_rcu(head, func);
#endif
}

/* irq_work: Cleanup (v5.11): its flags moved. */
static inline void mlmon_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *),
				       int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	*work = __IRQ_WORK_INIT(func, flags);
#else
	init_irq_work(work, func);
	atomic_set(&work->flags, flags);
#endif
}

/* hrtimers: Introduce hrtimer_setup() to replace hrtimer_init() (v6.13). */
static inline void mlmon_init_hrtimer(struct hrtimer *timer,
				      enum hrtimer_restart (*func)(struct hrtimer *),
				      enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, func, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = func;
#endif
}

/* mm: introduce vma->vm_flags wrapper functions (v6.3): vm_flags became constant. */
static inline void mlmon_vm_flags_mod(struct vm_area_struct *vma, unsigned long set,
				      unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

struct mlmon_uprobe {
	struct uprobe_consumer	consumer;
	struct inode		*inode;
	loff_t			offset;
	struct uprobe		*uprobe;	/* of kernels that give one */
};

/*
 * uprobes: make uprobe_register() return struct uprobe * (v6.12). None of them keeps the
 * file or its mount: the caller must, from before the first to after the last.
 */
static inline int mlmon_uprobe_add(struct mlmon_uprobe *probe, struct inode *inode, loff_t offset)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	int ret;

	probe->uprobe = uprobe_register(inode, offset, 0, &probe->consumer);
	ret = PTR_ERR_OR_ZERO(probe->uprobe);
#else
	int ret = uprobe_register(inode, offset, &probe->consumer);
#endif

	if (ret)
		return ret;
	probe->inode = inode;
	probe->offset = offset;
	return 0;
}

static inline void mlmon_uprobe_del(struct mlmon_uprobe *probe)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	uprobe_unregister_nosync(probe->uprobe, &probe->consumer);
	uprobe_unregister_sync();
#else
	uprobe_unregister(probe->inode, probe->offset, &probe->consumer);
#endif
}

/*
 * uprobe: Add uretprobe syscall to speed up return probe (v6.11), on x86-64: what lets a
 * function return to its caller is a system call, on which filters judged until
 * seccomp: passthrough uretprobe systemcall without filtering (v6.14, v6.13.3, v6.12.14).
 */
#if defined(CONFIG_X86_64) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0) && \
	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 14) || \
	 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && \
	  LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 3)))
#define MLMON_URETPROBE_FILTERED	true
#else
#define MLMON_URETPROBE_FILTERED	false
#endif

/* uprobe: Add data pointer to consumer handlers (v6.13). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define MLMON_UPROBE_ARGS	struct uprobe_consumer *consumer, struct pt_regs *regs, u64 *data
#define MLMON_URETPROBE_ARGS	struct uprobe_consumer *consumer, unsigned long function, \
				struct pt_regs *regs, u64 *data
#else
#define MLMON_UPROBE_ARGS	struct uprobe_consumer *consumer, struct pt_regs *regs
#define MLMON_URETPROBE_ARGS	struct uprobe_consumer *consumer, unsigned long function, \
				struct pt_regs *regs
#endif

/* exit: move and extend sched_process_exit() tracepoint (v6.16): before the mm is left. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define MLMON_EXIT_HOOK_ARGS	void *data, struct task_struct *task, bool last
#define MLMON_EXIT_HOOK_LAST	last
#else
#define MLMON_EXIT_HOOK_ARGS	void *data, struct task_struct *task
#define MLMON_EXIT_HOOK_LAST	false
#endif

#endif /* MLMON_COMPAT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that may name a kernel version. Everything else uses
 * interfaces that are the same on all supported kernels.
 */
#ifndef MLMON_COMPAT_H
#define MLMON_COMPAT_H

#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "mlock2mon needs Linux 5.10 or newer"
#endif

/* kprobes: Add kretprobe::rp removal (v5.11): an instance no longer points to its probe. */
static inline struct kretprobe *mlmon_kretprobe_of(struct kretprobe_instance *ri)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	return get_kretprobe(ri);
#else
	return ri->rp;
#endif
}

/* irq_work: Cleanup (v5.11): IRQ_WORK_INIT_LAZY() came with it. */
static inline void mlmon_init_lazy_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	*work = IRQ_WORK_INIT_LAZY(func);
#else
	init_irq_work(work, func);
	atomic_set(&work->flags, IRQ_WORK_LAZY);
#endif
}

#endif /* MLMON_COMPAT_H */

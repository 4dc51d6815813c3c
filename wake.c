// SPDX-License-Identifier: GPL-2.0
/*
 * Those who sleep until there is something to read are woken, by whom handlers
 * ask, who must not do it themselves: a wait queue has a lock that sleeps on
 * PREEMPT_RT.
 *
 * Elsewhere that is an interrupt: the next tick, so that a flood wakes a reader
 * once a tick, or one of its own for those in haste. On PREEMPT_RT, what an
 * irq_work may do that takes such a lock is done by a thread of the processor,
 * of the lowest real-time priority, and so are most timers. A task of a higher
 * one that does not leave its processor would keep it from running, and as
 * nobody else asks meanwhile, all readers asleep. So there it is interrupts
 * that wait for the tick, and hand over to a worker of any processor.
 *
 * Ordering: who finds that somebody has asked already has published its record
 * before (mlmon_ring_end()), and wake_all() takes back the question before it
 * wakes; what is between is a full barrier on either side.
 */
#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "internal.h"

#define BY_WORKER	IS_ENABLED(CONFIG_PREEMPT_RT)

static void wake_at_tick(struct irq_work *irq)
{
	wake_up_interruptible_all(container_of(irq, struct mlmon_waker, at_tick)->sleepers);
}

static void wake_at_once(struct irq_work *irq)
{
	wake_up_interruptible_all(container_of(irq, struct mlmon_waker, at_once)->sleepers);
}

static enum hrtimer_restart hand_over(struct hrtimer *timer)
{
	struct mlmon_waker *waker = container_of(timer, struct mlmon_waker, timer);

	queue_work(waker->workers, &waker->work);
	return HRTIMER_NORESTART;
}

static void hand_over_soon(struct irq_work *irq)
{
	struct mlmon_waker *waker = container_of(irq, struct mlmon_waker, at_once);

	if (READ_ONCE(waker->hurry))
		queue_work(waker->workers, &waker->work);
	else
		hrtimer_start(&waker->timer, ns_to_ktime(TICK_NSEC), HRTIMER_MODE_REL_HARD);
}

static void wake_all(struct work_struct *work)
{
	struct mlmon_waker *waker = container_of(work, struct mlmon_waker, work);

	atomic_xchg(&waker->asked, 0);
	wake_up_interruptible_all(waker->sleepers);
}

/**
 * mlmon_waker_init() - get ready to wake
 * @waker: to set up
 * @sleepers: who is to be woken
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mlmon_waker_init(struct mlmon_waker *waker, wait_queue_head_t *sleepers)
{
	waker->sleepers = sleepers;
	if (!BY_WORKER) {
		mlmon_init_irq_work(&waker->at_tick, wake_at_tick, IRQ_WORK_LAZY);
		mlmon_init_irq_work(&waker->at_once, wake_at_once, 0);
		return 0;
	}
	mlmon_init_irq_work(&waker->at_once, hand_over_soon, IRQ_WORK_HARD_IRQ);
	mlmon_init_hrtimer(&waker->timer, hand_over, HRTIMER_MODE_REL_HARD);
	INIT_WORK(&waker->work, wake_all);
	atomic_set(&waker->asked, 0);
	waker->workers = alloc_workqueue(KBUILD_MODNAME, WQ_UNBOUND, 1);
	return waker->workers ? 0 : -ENOMEM;
}

/**
 * mlmon_waker_exit() - wait until nobody is being woken
 * @waker: from mlmon_waker_init()
 *
 * Context: process, may sleep; nobody may ask any more.
 */
void mlmon_waker_exit(struct mlmon_waker *waker)
{
	irq_work_sync(&waker->at_once);
	if (!BY_WORKER) {
		irq_work_sync(&waker->at_tick);
		return;
	}
	hrtimer_cancel(&waker->timer);
	destroy_workqueue(waker->workers);
}

/**
 * mlmon_waker_ask() - have the sleepers woken
 * @waker: from mlmon_waker_init()
 * @hurry: at once, not at the next tick
 *
 * Context: any, preemption disabled.
 */
void mlmon_waker_ask(struct mlmon_waker *waker, bool hurry)
{
	if (!BY_WORKER) {
		irq_work_queue(hurry ? &waker->at_once : &waker->at_tick);
		return;
	}
	/* Not an interrupt for each record. */
	if (atomic_read(&waker->asked) || atomic_xchg(&waker->asked, 1))
		return;
	WRITE_ONCE(waker->hurry, hurry);
	irq_work_queue(&waker->at_once);
}
NOKPROBE_SYMBOL(mlmon_waker_ask);

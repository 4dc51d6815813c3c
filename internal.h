/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two .c files of the module share and user space must not see.
 *
 * Lock order: a bucket of the ledger, its pool. The accounts' lock and a ring's
 * wait queue lock are leaves and never nest. Handlers run with preemption
 * disabled; that is also what keeps an account from being reused while they
 * walk to it.
 */
#ifndef MLMON_INTERNAL_H
#define MLMON_INTERNAL_H

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/types.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "abi.h"
#include "format.h"
#include "mlock2mon.h"

/* mlock2, mlock, munlock, mlockall, munlockall */
#define MLMON_NR_FAMILY		(MLOCK2MON_MUNLOCKALL + 1)

/* For what may be much: if it is not there, loading fails, and no process is killed for it. */
#define MLMON_GFP		(GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN)

/* Nor does the machine look for it everywhere. NULL or zeroed memory, for vfree(). */
static inline void *mlmon_alloc(size_t size)
{
	long available = si_mem_available();

	/* An eighth is left to others. */
	if (available < 0 || size >> PAGE_SHIFT > (size_t)(available - available / 8))
		return NULL;
	return __vmalloc(size, MLMON_GFP);
}

/* ---- count.c: totals of the machine --------------------------------------------------- */

enum mlmon_errno {
	MLMON_EPERM,
	MLMON_ENOMEM,
	MLMON_EAGAIN,
	MLMON_EINTR,
	MLMON_EINVAL,
	MLMON_EOTHER,
	MLMON_NR_ERRNOS
};

/* Bucket 0 counts 0 ns, bucket b from 2^(b-1) ns to below 2^b ns, the last all above. */
#define MLMON_NR_BUCKETS	48

/* Counters of one call, on one processor or summed up. */
struct mlmon_call_counts {
	u64	entries;		/* reached the kernel function */
	u64	armed;			/* of these: a return will be seen */
	u64	returns;		/* of these: has been seen */
	u64	abandoned;		/* of these: never will, the task died inside */
	u64	untracked;		/* armed without an account */
	u64	failures;		/* returns with an error */
	u64	error[MLMON_NR_ERRNOS];
	u64	why[MLOCK2MON_NR_WHYS];
	u64	bucket[MLMON_NR_BUCKETS];
};

/* What a task does not change while it lives, or until it makes an exec. */
struct mlmon_identity {
	u64	start_ns;
	u64	leader_start_ns;
	u64	parent_start_ns;
	/* As in a record, and copied as one. */
	u32	ppid;
	u32	ns_pid;
	u32	ns_tid;
	u32	ns_ppid;
	u32	mnt_ns;
	u32	pid_ns;
};

struct mlmon_probe;

/* Written by its own processor with preemption disabled, read by any. */
struct mlmon_counts {
	struct mlock2mon_record		scratch;	/* for a record that may have no slot */
	struct mlmon_identity		stranger;	/* of a task without an account */
	u64				collapsed;	/* returns that share a record */
	struct mlmon_call_counts	call[MLOCK2MON_NR_CALLS];
};

extern struct mlmon_counts __percpu *mlmon_counts;

#define MLMON_NR_STATES	64

/* What became of a probe at load; written before it is shown, constant after. */
struct mlmon_probe_state {
	char	name[48];
	int	error;			/* 0 active, else -errno */
};

extern struct mlmon_probe_state mlmon_probe_states[MLMON_NR_STATES];
extern unsigned int mlmon_nr_probe_states;

int mlmon_count_init(void);
void mlmon_count_exit(void);
u64 mlmon_count_bucket(enum mlock2mon_call call, unsigned int bucket);
void mlmon_count_sum(enum mlock2mon_call call, struct mlmon_call_counts *sum);
u64 mlmon_count_collapsed(void);
u64 mlmon_count_in_flight(const struct mlmon_call_counts *sum);
u64 mlmon_count_missed(const struct mlmon_call_counts *sum);
void mlmon_count_probe(const char *name, int error);

/* ---- task.c: accounts of tasks -------------------------------------------------------- */

/* A call inside the kernel; ts_ns is 0 when there is none. */
struct mlmon_flight {
	u64	ts_ns;			/* entry, CLOCK_BOOTTIME */
	u64	addr;
	u64	len;
	u32	flags;
	u8	call;
	u16	overlap;		/* place in probe.c's overlap table plus one, or 0 */
};

/* Calls of the family have totals of their own, related calls share theirs. */
#define MLMON_TOTALS_RELATED	MLMON_NR_FAMILY
#define MLMON_NR_TOTALS		(MLMON_TOTALS_RELATED + 1)

/* Totals of one task and one call. Bytes are those asked for, times in nanoseconds. */
struct mlmon_totals {
	u64	calls;
	u64	failures;
	u64	bytes;
	u64	total_ns;
	u64	max_ns;
	u64	first_ns;
	u64	last_ns;
	s32	error;			/* of the last failure */
};

/* Failures that repeat a task's last one exactly, since they were last reported. */
struct mlmon_series {
	bool			open;	/* the last record of the task was a failure */
	u64			count;
	u64			first_ns;
	u64			last_ns;
	u64			total_ns;
	u64			since_ns;	/* last report */
	struct mlock2mon_record	rec;	/* the failure */
};

struct mlmon_account {
	/* ---- the table's; changed under its lock */
	struct hlist_node		bucket;
	struct list_head		order;	/* by id */
	struct rcu_head			rcu;
	const struct task_struct	*task;	/* the key; not a reference */
	u64				id;	/* order of birth; 0: not in the table */
	struct mlmon_identity		identity;

	/* ---- the task's; changed by itself inside write_seqcount */
	seqcount_t			seq;
	u32				pid;
	u32				tid;
	u32				uid;
	bool				onfault;
	char				comm[TASK_COMM_LEN];
	u64				cgroup;
	u64				peak;	/* bytes, since exec */
	u64				past_peak;	/* bytes, before */
	s32				error;	/* of the last failure */
	struct mlmon_flight		flight;
	struct mlmon_totals		call[MLMON_NR_TOTALS];

	/* ---- the task's alone */
	struct mlmon_flight		attempt;	/* see wrapper.c */
	struct mlmon_series		series;
	bool				leaves_mm;	/* is about to, in exec */
};

/* A place in the list of accounts, for readers that come and go. */
struct mlmon_task_cursor {
	struct mlmon_account	*at;
	u64			id;	/* of the account last given; 0: start */
};

struct mlmon_task_counts {
	unsigned int	tracked;
	unsigned int	max;
};

int mlmon_task_init(unsigned int max_tasks);
void mlmon_task_exit(void);
struct mlmon_account *mlmon_task_find(const struct task_struct *task);
struct mlmon_account *mlmon_task_get(void);
void mlmon_task_rename(struct mlmon_account *account, struct task_struct *task);
void mlmon_task_del(struct mlmon_account *account);
void mlmon_task_identify(struct mlmon_identity *identity);
void mlmon_task_sum(const struct mlmon_account *account, struct mlmon_totals *sum);
bool mlmon_task_next(struct mlmon_task_cursor *cursor, struct mlmon_account *copy);
void mlmon_task_count(struct mlmon_task_counts *counts);

/* ---- ledger.c: what the records say is locked ------------------------------------------ */

struct mlmon_bucket;

/* What a call did to the locked memory of its mm, pages. */
struct mlmon_change {
	u64	before;
	u64	after;
	s64	delta;		/* what the record is to say */
	s64	strange;	/* was there before the call, and is in no record */
};

int mlmon_ledger_init(unsigned int entries);
void mlmon_ledger_exit(void);
struct mlmon_bucket *mlmon_ledger_lock(const struct mm_struct *mm);
void mlmon_ledger_unlock(struct mlmon_bucket *bucket);
void mlmon_ledger_settle(struct mlmon_bucket *bucket, const struct mm_struct *mm, bool racy,
			 struct mlmon_change *change);
bool mlmon_ledger_maybe(const struct mm_struct *mm);
bool mlmon_ledger_close(const struct mm_struct *mm, u64 locked, u64 *known);
void mlmon_ledger_distrust(void);
u64 mlmon_ledger_refused(void);

/* ---- map.c: the memory map of current -------------------------------------------------- */

/* What a look at a range found. */
struct mlmon_map {
	bool	known;		/* @hole is */
	bool	measured;	/* @locked is */
	bool	alone;		/* nobody else used the mm meanwhile */
	bool	hole;		/* part of the range is not mapped */
	u64	locked;		/* bytes of the range that are locked */
};

void mlmon_map_look(struct mm_struct *mm, u64 start, u64 len, struct mlmon_map *map);

/* ---- wake.c: defers wake_up() out of probe context ------------------------------------ */

struct mlmon_waker {
	wait_queue_head_t	*sleepers;
	struct irq_work		at_tick;	/* not on PREEMPT_RT */
	struct irq_work		at_once;

	/* ---- on PREEMPT_RT only */
	struct hrtimer		timer;
	struct workqueue_struct	*workers;
	struct work_struct	work;
	atomic_t		asked;		/* and the work has not looked yet */
	bool			hurry;		/* not at the next tick */
};

int mlmon_waker_init(struct mlmon_waker *waker, wait_queue_head_t *sleepers);
void mlmon_waker_exit(struct mlmon_waker *waker);
void mlmon_waker_ask(struct mlmon_waker *waker, bool hurry);

/* ---- ring.c: the event ring ----------------------------------------------------------- */

struct mlmon_ring {
	/* ---- constant after init */
	struct mlock2mon_header	*header;	/* begins the area that can be mapped */
	struct mlock2mon_record	*slot;		/* in the same area */
	atomic64_t		*next;		/* sequence number, in the header */
	u64			mask;

	/* ---- for readers */
	wait_queue_head_t	readers;
	struct mlmon_waker	waker;
	atomic_t		hasty;		/* readers that want to be woken at once */

	/* ---- writers */
	atomic64_t		dropped;	/* records whose slot was still being filled */
};

extern struct mlmon_ring mlmon_ring;

/* A sequence number, and the slot to be filled for it; NULL if the record was given up. */
struct mlmon_claim {
	struct mlock2mon_record	*slot;
	u64			seq;
};

int mlmon_ring_init(struct mlmon_ring *ring, unsigned int records, u64 load_id);
void mlmon_ring_exit(struct mlmon_ring *ring);
struct mlmon_claim mlmon_ring_begin(struct mlmon_ring *ring);
void mlmon_ring_end(struct mlmon_ring *ring, struct mlmon_claim claim);
bool mlmon_ring_read(struct mlmon_ring *ring, u64 *seq, u64 *lost, struct mlock2mon_record *out);
bool mlmon_ring_lost(struct mlmon_ring *ring, u64 seq);
bool mlmon_ring_readable(struct mlmon_ring *ring, u64 seq);
u64 mlmon_ring_oldest(struct mlmon_ring *ring);
u64 mlmon_ring_next(struct mlmon_ring *ring);
void mlmon_ring_hasten(struct mlmon_ring *ring, bool more);
void mlmon_ring_wake(struct mlmon_ring *ring);
struct page *mlmon_ring_page(struct mlmon_ring *ring, unsigned long index);

/* ---- chardev.c, procfs.c, probe.c ----------------------------------------------------- */

/* Who may see what tasks other than their own do: the device, tasks, inflight. */
static inline bool mlmon_may_read(void)
{
	return capable(CAP_PERFMON) || capable(CAP_SYS_ADMIN);
}

struct mlmon_reader_counts {
	u64	open;
	u64	lost;
};

int mlmon_chardev_init(void);
void mlmon_chardev_exit(void);
void mlmon_chardev_count(struct mlmon_reader_counts *counts);

int mlmon_procfs_init(u64 load_id);
void mlmon_procfs_exit(void);

/* What is known of a call at its entry, kept until it returns. */
struct mlmon_pending {
	struct mlmon_flight	flight;
	struct mlmon_account	*account;	/* NULL if it has none, or needs none yet */
	struct mlmon_call_counts __percpu *counts;	/* of the call */
	u64			before;		/* locked memory, pages */
	u64			limit;		/* bytes */
	unsigned long		def_flags;	/* what later mappings inherit */

	/* ---- with an overlap, which says that others use the mm */
	u32			generation;	/* see overlap_enter() */
	bool			racy;

	/* ---- of related calls only */
	bool			asks;		/* is to lock memory */
	bool			untracked;	/* counted as that, if it has no account */
	u64			unread;		/* arguments not read yet are here, or 0 */
	u64			old_len;	/* of mremap */
	u64			new_addr;	/* likewise */
};

/* What became of a call. */
struct mlmon_result {
	s64			ret;
	u64			dur_ns;
	struct mlmon_change	change;
	u64			cgroup;
	u16			attr;		/* MLOCK2MON_ATTR_* */
	u8			why;
	bool			racy;
};

static inline bool mlmon_is_related(const struct mlmon_pending *pending)
{
	return pending->flight.call >= MLMON_NR_FAMILY;
}

/* The two probes on an entry point of the mlock family. */
struct mlmon_probe {
	struct mlmon_call_counts __percpu *counts;
	enum mlock2mon_call	call;
	enum mlmon_abi		abi;
	char			symbol[32];
	struct kprobe		entry;
	struct kretprobe	exit;
};

int mlmon_call_count(struct kprobe *kp, struct pt_regs *regs);
int mlmon_call_arm(struct kretprobe_instance *ri, struct pt_regs *regs);
int mlmon_call_return(struct kretprobe_instance *ri, struct pt_regs *regs);

void mlmon_call_enter(struct mlmon_pending *pending, bool track);
void mlmon_call_leave(struct mlmon_pending *pending, s64 ret);
void mlmon_call_abandon(const struct mlmon_flight *flight);

void mlmon_record_copy(struct mlock2mon_record *slot, const struct mlock2mon_record *rec);
void mlmon_record_plain(enum mlock2mon_call call, const struct mlmon_account *account,
			u64 locked, s64 delta);
void mlmon_record_exit(struct mlmon_account *account, const struct mm_struct *mm, bool last,
		       s64 delta);
void mlmon_record_blocked(struct mlmon_account *account, const struct mlmon_flight *flight);
bool mlmon_record_repeats(struct mlmon_account *account, const struct mlock2mon_record *rec);
void mlmon_record_end_series(struct mlmon_account *account);

int mlmon_probe_init(unsigned int maxactive);
void mlmon_probe_exit(void);
bool mlmon_probe_live(void);

int mlmon_related_init(unsigned int maxactive);
void mlmon_related_exit(void);
u64 mlmon_related_missed(enum mlock2mon_call call);

int mlmon_wrapper_init(const char *libc);
void mlmon_wrapper_exit(void);
void mlmon_wrapper_settle(struct mlmon_account *account);
void mlmon_wrapper_passed(void);
u64 mlmon_wrapper_unknown(void);

int mlmon_life_init(void);
void mlmon_life_exit(void);

/* Parameters that handlers look at; constant while any of them runs. */
extern bool mlmon_related;
extern bool mlmon_collapse;
extern u64 mlmon_near_bytes;
extern const int *mlmon_max_map_count;	/* vm.max_map_count, or NULL */

/* Wrappers are watched, or will be at once. */
extern bool mlmon_wrappers;

#endif /* MLMON_INTERNAL_H */

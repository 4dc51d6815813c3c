/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two .c files of the module share and user space must not see.
 *
 * Lock order: the accounts' lock and a ring's wait queue lock are leaves and
 * never nest. Handlers run with preemption disabled; that is also what keeps
 * an account from being reused while they walk to it.
 */
#ifndef MLMON_INTERNAL_H
#define MLMON_INTERNAL_H

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include "mlock2mon.h"

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

struct mlmon_probe;

/* Written by its own processor with preemption disabled, read by any. */
struct mlmon_counts {
	const struct mlmon_probe	*hit;	/* entry counted, return not yet armed */
	struct mlock2mon_record		scratch;	/* for a record the ring gave up */
	struct mlmon_call_counts	call[MLOCK2MON_NR_CALLS];
};

extern struct mlmon_counts __percpu *mlmon_counts;

#define MLMON_NR_STATES	16

/* What became of a probe at load; written before it is shown, constant after. */
struct mlmon_probe_state {
	char	name[32];
	int	error;			/* 0 active, else -errno */
};

extern struct mlmon_probe_state mlmon_probe_states[MLMON_NR_STATES];
extern unsigned int mlmon_nr_probe_states;

int mlmon_count_init(void);
void mlmon_count_exit(void);
u64 mlmon_count_bucket(enum mlock2mon_call call, unsigned int bucket);
void mlmon_count_sum(enum mlock2mon_call call, struct mlmon_call_counts *sum);
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

/* What a task does not change while it has an account. */
struct mlmon_identity {
	u64	start_ns;
	u64	leader_start_ns;
	u64	parent_start_ns;
	u32	ppid;
	u32	ns_pid;
	u32	ns_tid;
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
	u64				peak;	/* bytes */
	s32				error;	/* of the last failure */
	struct mlmon_flight		flight;
	struct mlmon_totals		call[MLOCK2MON_NR_CALLS];
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
void mlmon_task_enter(struct mlmon_account *account, const struct mlmon_flight *flight);
void mlmon_task_leave(struct mlmon_account *account, const struct mlock2mon_record *rec);
void mlmon_task_rename(struct mlmon_account *account, struct task_struct *task);
void mlmon_task_del(struct mlmon_account *account);
u64 mlmon_task_cgroup(void);
void mlmon_task_identify(struct mlmon_identity *identity);
bool mlmon_task_next(struct mlmon_task_cursor *cursor, struct mlmon_account *copy);
void mlmon_task_count(struct mlmon_task_counts *counts);

/* ---- map.c: the memory map of current -------------------------------------------------- */

/* What a look at a range found, as far as @known. */
struct mlmon_map {
	bool	known;
	bool	alone;		/* nobody else used the mm meanwhile */
	bool	hole;		/* part of the range is not mapped */
	u64	locked;		/* bytes of the range that are locked */
};

void mlmon_map_look(struct mm_struct *mm, u64 start, u64 len, struct mlmon_map *map);

/* ---- ring.c: the event ring ----------------------------------------------------------- */

struct mlmon_ring {
	/* ---- constant after init */
	struct mlock2mon_record	*slot;
	u64			mask;

	/* ---- for readers */
	wait_queue_head_t	readers;
	struct irq_work		wake;		/* defers wake_up() out of probe context */

	/* ---- writers */
	atomic64_t		dropped;	/* records whose slot was still being filled */
	atomic64_t		next ____cacheline_aligned_in_smp;	/* sequence number */
};

extern struct mlmon_ring mlmon_ring;

int mlmon_ring_init(struct mlmon_ring *ring, unsigned int records);
void mlmon_ring_exit(struct mlmon_ring *ring);
struct mlock2mon_record *mlmon_ring_begin(struct mlmon_ring *ring, u64 *seq);
void mlmon_ring_end(struct mlmon_ring *ring, struct mlock2mon_record *slot, u64 seq);
bool mlmon_ring_read(struct mlmon_ring *ring, u64 *seq, u64 *lost, struct mlock2mon_record *out);
bool mlmon_ring_lost(struct mlmon_ring *ring, u64 seq);
bool mlmon_ring_readable(struct mlmon_ring *ring, u64 seq);
u64 mlmon_ring_oldest(struct mlmon_ring *ring);
u64 mlmon_ring_next(struct mlmon_ring *ring);

/* ---- format.c: numbers to text -------------------------------------------------------- */

/* Every byte of a comm as \xNN, and the NUL. */
#define MLMON_COMM_TEXT		(4 * MLOCK2MON_COMM_LEN + 1)
/* Longest line of the device, see mlmon_format_record(). */
#define MLMON_LINE_MAX		1024

const char *mlmon_call_name(unsigned int call);
const char *mlmon_why_name(unsigned int why);
const char *mlmon_errno_name(int error);
size_t mlmon_format_comm(char *buf, const char *comm, bool escape_space);
size_t mlmon_format_flags(char *buf, size_t size, unsigned int call, u32 flags);
size_t mlmon_format_record(char *buf, size_t size, const struct mlock2mon_record *rec);
size_t mlmon_format_loss(char *buf, size_t size, u64 seq, u64 lost);

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

int mlmon_probe_init(unsigned int maxactive);
void mlmon_probe_exit(void);
bool mlmon_probe_live(void);

#endif /* MLMON_INTERNAL_H */

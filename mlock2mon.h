/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * mlock2mon: what user space may rely on.
 *
 * The text that /dev/mlock2mon and /proc/mlock2mon give is described in
 * mlock2mon(4); this header names the things the text speaks of and fixes the
 * record it is made from. Numbers here never change their meaning. Lists and
 * records only grow at their end.
 */
#ifndef MLOCK2MON_H
#define MLOCK2MON_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MLOCK2MON_VERSION	"0.3.0"
#define MLOCK2MON_DEVICE	"/dev/mlock2mon"
#define MLOCK2MON_PROC		"/proc/mlock2mon"

/* Which call a record or a counter is about. In text: the lower-case name. */
enum mlock2mon_call {
	MLOCK2MON_MLOCK2,
	MLOCK2MON_MLOCK,
	MLOCK2MON_MUNLOCK,
	MLOCK2MON_MLOCKALL,
	MLOCK2MON_MUNLOCKALL,
	/* With related=1, when locked memory was asked for or changed. */
	MLOCK2MON_MMAP,
	MLOCK2MON_MUNMAP,
	MLOCK2MON_MREMAP,
	MLOCK2MON_BRK,
	MLOCK2MON_SHMAT,
	MLOCK2MON_SHMDT,
	MLOCK2MON_SHMCTL,		/* SHM_LOCK and SHM_UNLOCK only */
	MLOCK2MON_STACK,		/* no call: a locked stack grew in a page fault */
	MLOCK2MON_EXEC,			/* gave the locked memory of the old program back */
	MLOCK2MON_OTHER,		/* no call: changed by something that is not watched */
	/* Always. */
	MLOCK2MON_EXIT,			/* a task that made one of the calls leaves: its totals */
	MLOCK2MON_NR_CALLS,
	/* In binary records only: a loss, see struct mlock2mon_record. */
	MLOCK2MON_LOST = 255
};

/*
 * Why a call failed, or succeeded and changed nothing. In text: `why=` and the
 * token at the right. A plain success has none.
 *
 * The first number that explains a reason is in mlock2mon_record.detail.
 */
enum mlock2mon_why {
	MLOCK2MON_WHY_NONE,		/* success that did what was asked */
	MLOCK2MON_WHY_FLAGS,		/* flags: EINVAL, unknown or missing flag bits */
	MLOCK2MON_WHY_RANGE,		/* range: EINVAL, addr + len wraps around */
	MLOCK2MON_WHY_PERM,		/* perm: EPERM, RLIMIT_MEMLOCK 0, no CAP_IPC_LOCK */
	MLOCK2MON_WHY_LIMIT,		/* limit: ENOMEM, over RLIMIT_MEMLOCK; detail: bytes over */
	MLOCK2MON_WHY_HOLE,		/* hole: ENOMEM, part of the range is not mapped */
	MLOCK2MON_WHY_MAPS,		/* maps: ENOMEM, at vm.max_map_count; detail: that limit */
	MLOCK2MON_WHY_POPULATE,		/* populate: locked, but a page cannot be brought in */
	MLOCK2MON_WHY_NOMEM,		/* nomem: EAGAIN, no memory (memory cgroup or machine) */
	MLOCK2MON_WHY_KILLED,		/* killed: EINTR, fatal signal while waiting */
	MLOCK2MON_WHY_ALREADY,		/* already: success, the state asked for was there */
	MLOCK2MON_WHY_EMPTY,		/* empty: success, the range has no page */
	MLOCK2MON_WHY_UNLOCKABLE,	/* unlockable: success, but such memory is never locked */
	MLOCK2MON_WHY_NEAR_LIMIT,	/* near_limit: success, little left; detail: bytes left */
	MLOCK2MON_WHY_BLOCKED,		/* blocked: the call never reached its kernel function */
	MLOCK2MON_WHY_OTHER,		/* other: a result this version does not know */
	MLOCK2MON_NR_WHYS
};

/* Attributes of a record, mlock2mon_record.attr. In text: `name=1` when set. */
#define MLOCK2MON_ATTR_CAP	0x0001	/* cap: CAP_IPC_LOCK, effective, in the initial userns */
#define MLOCK2MON_ATTR_CAPNS	0x0002	/* capns: CAP_IPC_LOCK only in another user namespace */
#define MLOCK2MON_ATTR_COMPAT	0x0004	/* compat: entered as a 32-bit system call */
#define MLOCK2MON_ATTR_RACY	0x0008	/* racy: another call on the same mm overlapped */
#define MLOCK2MON_ATTR_LIKELY	0x0010	/* likely: why was found by exclusion */
#define MLOCK2MON_ATTR_ONFAULT	0x0020	/* onfault: locks pages as they are touched */
#define MLOCK2MON_ATTR_UNTRACKED 0x0040	/* untracked: the task has no account, pool empty */
#define MLOCK2MON_ATTR_REPEAT	0x0080	/* stands for mlock2mon_record.repeat identical failures */
#define MLOCK2MON_ATTR_UNFILTERED 0x0100 /* unfiltered: a loss that the filter did not see */

#define MLOCK2MON_COMM_LEN	16

/* Bits of mlock2mon_record.seq, in a mapped ring only; see struct mlock2mon_header. */
#define MLOCK2MON_SEQ_BUSY	0x8000000000000000ULL	/* is being written */
#define MLOCK2MON_SEQ_LAPPED	0x4000000000000000ULL	/* a later record was given up for it */

/**
 * struct mlock2mon_record - one call, complete; or a loss
 * @seq: 1, 2, 3 ... for as long as the module is loaded; never repeats.
 *	 Of a loss: the first number lost
 * @ts_ns: entry of the call, CLOCK_BOOTTIME, nanoseconds; of EXIT: the exit
 * @dur_ns: from entry to return, nanoseconds; with REPEAT: the sum; of EXIT:
 *	    of all calls of the task
 * @addr: first argument, as passed; 0 for calls that have no address.
 *	  Of SHMAT the second argument, of SHMCTL the id, of STACK the lowest page
 * @len: second argument, as passed, bytes; 0 for calls that have no length.
 *	 Of MREMAP the new length, of BRK and STACK the growth; of EXIT: of all
 *	 calls of the task; of a loss: the number of records lost
 * @ret: what the call returned: 0, an address or -errno. brk() that does not
 *	 give what was asked for is -ENOMEM, as the C library has it
 * @locked: locked memory (VmLck) of the process at return, bytes
 * @delta: what changed of it, bytes; see MLOCK2MON_ATTR_RACY. With related=1 the
 *	   deltas of a process add up to @locked, as long as no record was lost and
 *	   ledger.refused of stats is 0
 * @limit: RLIMIT_MEMLOCK, soft, at entry, bytes; ~0 for unlimited
 * @detail: the number that belongs to @why, or 0; of EXIT: the most @locked ever
 * @cgroup: id of the task's cgroup in the unified hierarchy, or 0
 * @start_ns: start of the task, CLOCK_BOOTTIME; with @tid it names the task for ever
 * @leader_start_ns: start of the thread group leader
 * @parent_start_ns: start of the parent
 * @site: 0; room for user addresses of the call site
 * @calls: of EXIT: calls of the task
 * @failures: of EXIT: calls of the task that failed
 * @old_len: of MREMAP without REPEAT: the second argument
 * @new_addr: likewise: the fifth argument
 * @repeat: with REPEAT: identical failures of the task, one after the other,
 *	    that this record stands for; the first of a series has a record of its own
 * @last_ns: with REPEAT: entry of the last of them
 * @flags: flags argument, as passed; 0 for calls that have none; of SHMCTL the command
 * @attr: MLOCK2MON_ATTR_*
 * @call: enum mlock2mon_call
 * @why: enum mlock2mon_why
 * @pid: thread group id, initial pid namespace
 * @tid: thread id, initial pid namespace
 * @uid: real user id, initial user namespace
 * @ppid: thread group id of the parent, initial pid namespace
 * @ns_pid: @pid as the task sees it
 * @ns_tid: @tid as the task sees it
 * @ns_ppid: @ppid as the task sees it, 0 if it cannot
 * @mnt_ns: 0; room for the mount namespace
 * @pid_ns: inode number of the pid namespace of the task
 * @cpu: processor the call returned on
 * @reserved: 0
 * @comm: name of the task; any bytes, NUL-terminated
 *
 * Fields from @start_ns to @parent_start_ns, @ppid and @ns_* are those of the
 * task's first call since its last exec.
 *
 * A loss has call MLOCK2MON_LOST, @seq, @len, perhaps MLOCK2MON_ATTR_UNFILTERED,
 * and zeroes.
 */
struct mlock2mon_record {
	__u64	seq;
	__u64	ts_ns;
	__u64	dur_ns;
	__u64	addr;
	__u64	len;
	__s64	ret;
	__u64	locked;
	__s64	delta;
	__u64	limit;
	__u64	detail;
	__u64	cgroup;
	__u64	start_ns;
	__u64	leader_start_ns;
	__u64	parent_start_ns;
	union {
		__u64	site[2];
		struct {
			__u64	calls;
			__u64	failures;
		};
		struct {
			__u64	old_len;
			__u64	new_addr;
		};
		struct {
			__u64	repeat;
			__u64	last_ns;
		};
	};
	__u32	flags;
	__u16	attr;
	__u8	call;
	__u8	why;
	__u32	pid;
	__u32	tid;
	__u32	uid;
	__u32	ppid;
	__u32	ns_pid;
	__u32	ns_tid;
	__u32	ns_ppid;
	__u32	mnt_ns;
	__u32	pid_ns;
	__u16	cpu;
	__u16	reserved;
	char	comm[MLOCK2MON_COMM_LEN];
};

#define MLOCK2MON_ABI		1	/* grows when something is added at an end */

/**
 * struct mlock2mon_header - the first page of a mapping of the device
 * @abi: MLOCK2MON_ABI of the module
 * @record_size: distance of two records, bytes; sizeof(struct mlock2mon_record) or more
 * @records: capacity of the ring, a power of two
 * @load_id: random, tells one load of the module from another
 * @data_offset: where the ring begins in the mapping, bytes
 * @map_size: of the whole mapping, bytes
 * @reserved: 0
 * @next: sequence number the next record will have; grows under the reader's eyes
 *
 * The device may be mapped from offset 0, @map_size bytes or less, MAP_SHARED and
 * PROT_READ. The record of number n is in slot n % @records once it is complete, and
 * until a later one is put there. Its reader
 *   1. has n < next (load-acquire),
 *   2. reads seq of the slot (load-acquire): n, with SEQ_LAPPED or without, is complete;
 *	a number (without its two upper bits) above n means that n is lost; one below n
 *	with SEQ_LAPPED the same; all else: not yet there,
 *   3. copies the record,
 *   4. reads seq again, after a read barrier: if it changed, n is lost.
 */
struct mlock2mon_header {
	__u32	abi;
	__u32	record_size;
	__u64	records;
	__u64	load_id;
	__u64	data_offset;
	__u64	map_size;
	__u64	reserved[11];
	__u64	next;
};

/**
 * struct mlock2mon_info - of an open file and the ring it reads
 * @abi: MLOCK2MON_ABI of the module
 * @record_size: of a binary record, bytes
 * @records: capacity of the ring
 * @load_id: random, tells one load of the module from another
 * @oldest: number of the oldest record that may still be there
 * @next: number the next record will have
 * @position: number of the record this file reads next
 * @lost: records that were reported lost to this file
 * @skipped: records that the filter of this file kept back
 * @map_size: of a mapping of the device, bytes
 * @near_kb: parameter of the module, KiB
 * @format: enum mlock2mon_format of this file
 * @watermark: of this file, see MLOCK2MON_IOC_WATERMARK
 * @features: MLOCK2MON_FEATURE_*
 */
struct mlock2mon_info {
	__u32	abi;
	__u32	record_size;
	__u64	records;
	__u64	load_id;
	__u64	oldest;
	__u64	next;
	__u64	position;
	__u64	lost;
	__u64	skipped;
	__u64	map_size;
	__u64	near_kb;
	__u32	format;
	__u32	watermark;
	__u64	features;
};

#define MLOCK2MON_FEATURE_RELATED	0x1	/* loaded with related=1 */
#define MLOCK2MON_FEATURE_COLLAPSE	0x2	/* loaded with collapse=1 */

enum mlock2mon_format {
	MLOCK2MON_FORMAT_TEXT,		/* lines, the default */
	MLOCK2MON_FORMAT_BINARY,	/* struct mlock2mon_record */
	MLOCK2MON_NR_FORMATS
};

/* Which members of struct mlock2mon_filter count. */
#define MLOCK2MON_FILTER_CALLS		0x01	/* @calls */
#define MLOCK2MON_FILTER_TGID		0x02	/* @tgid */
#define MLOCK2MON_FILTER_UID		0x04	/* @uid */
#define MLOCK2MON_FILTER_CGROUP		0x08	/* @cgroup */
#define MLOCK2MON_FILTER_FAILURES	0x10	/* calls that failed, only */
#define MLOCK2MON_FILTER_MIN_BYTES	0x20	/* @min_bytes */
#define MLOCK2MON_FILTER_MIN_DUR	0x40	/* @min_dur_ns */
#define MLOCK2MON_FILTER_NEAR		0x80	/* @near_bytes */
#define MLOCK2MON_FILTER_ALL		0xff

/**
 * struct mlock2mon_filter - which records a file gives
 * @fields: MLOCK2MON_FILTER_*; a record must pass all that are set; 0: every record
 * @calls: set of 1 << enum mlock2mon_call, not empty
 * @tgid: mlock2mon_record.pid
 * @uid: mlock2mon_record.uid
 * @reserved: 0
 * @cgroup: mlock2mon_record.cgroup
 * @min_bytes: mlock2mon_record.len at least
 * @min_dur_ns: mlock2mon_record.dur_ns at least
 * @near_bytes: successful calls that locked and left the task, unprivileged, with less
 *		than so much below RLIMIT_MEMLOCK; this file sees them with
 *		MLOCK2MON_WHY_NEAR_LIMIT. 1 or more
 *
 * A member that does not count must be 0.
 */
struct mlock2mon_filter {
	__u32	fields;
	__u32	calls;
	__u32	tgid;
	__u32	uid;
	__u64	cgroup;
	__u64	min_bytes;
	__u64	min_dur_ns;
	__u64	near_bytes;
	__u64	reserved[2];
};

/*
 * ioctls of an open file. EINVAL for anything out of range and for unknown bits, EFAULT
 * for an address that is none, ENOTTY for another number; nothing is changed then.
 */
#define MLOCK2MON_IOC			0xbb
/* What is there. */
#define MLOCK2MON_IOC_INFO		_IOR(MLOCK2MON_IOC, 0, struct mlock2mon_info)
/* How records are read: enum mlock2mon_format. */
#define MLOCK2MON_IOC_FORMAT		_IOW(MLOCK2MON_IOC, 1, __u32)
/* Which records are given from now on. Those kept back are no loss. */
#define MLOCK2MON_IOC_FILTER		_IOW(MLOCK2MON_IOC, 2, struct mlock2mon_filter)
#define MLOCK2MON_IOC_GET_FILTER	_IOR(MLOCK2MON_IOC, 3, struct mlock2mon_filter)
/*
 * When a reader that waits, in read() or poll(), is woken: 0 at once; 1 at the next timer
 * tick, the default; n up to half the ring: at a tick when so many records (before the
 * filter) are there. What is there can be had any time by a read that does not block.
 */
#define MLOCK2MON_IOC_WATERMARK		_IOW(MLOCK2MON_IOC, 4, __u32)

#endif /* MLOCK2MON_H */

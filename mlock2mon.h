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

#include <linux/types.h>

#define MLOCK2MON_VERSION	"0.1.0"
#define MLOCK2MON_DEVICE	"/dev/mlock2mon"
#define MLOCK2MON_PROC		"/proc/mlock2mon"

/* Which call a record or a counter is about. In text: the lower-case name. */
enum mlock2mon_call {
	MLOCK2MON_MLOCK2,
	MLOCK2MON_MLOCK,
	MLOCK2MON_MUNLOCK,
	MLOCK2MON_MLOCKALL,
	MLOCK2MON_MUNLOCKALL,
	MLOCK2MON_NR_CALLS
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
	MLOCK2MON_WHY_NEAR_LIMIT,	/* near_limit: success that leaves little headroom */
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

#define MLOCK2MON_COMM_LEN	16

/**
 * struct mlock2mon_record - one call, complete
 * @seq: 1, 2, 3 ... for as long as the module is loaded; never repeats
 * @ts_ns: entry of the call, CLOCK_BOOTTIME, nanoseconds
 * @dur_ns: from entry to return, nanoseconds
 * @addr: first argument, as passed; 0 for mlockall, munlockall
 * @len: second argument, as passed, bytes; 0 for mlockall, munlockall
 * @ret: what the call returned: 0 or -errno
 * @locked: locked memory (VmLck) of the process at return, bytes
 * @delta: @locked less its value at entry, bytes; see MLOCK2MON_ATTR_RACY
 * @limit: RLIMIT_MEMLOCK, soft, at entry, bytes; ~0 for unlimited
 * @detail: the number that belongs to @why, or 0
 * @cgroup: id of the task's cgroup in the unified hierarchy, or 0
 * @start_ns: start of the task, CLOCK_BOOTTIME; with @tid it names the task for ever
 * @leader_start_ns: start of the thread group leader
 * @parent_start_ns: start of the parent
 * @site: 0; room for user addresses of the call site
 * @flags: flags argument, as passed; 0 for calls that have none
 * @attr: MLOCK2MON_ATTR_*
 * @call: enum mlock2mon_call
 * @why: enum mlock2mon_why
 * @pid: thread group id, initial pid namespace
 * @tid: thread id, initial pid namespace
 * @uid: real user id, initial user namespace
 * @ppid: thread group id of the parent, initial pid namespace
 * @ns_pid: @pid as the task sees it
 * @ns_tid: @tid as the task sees it
 * @ns_ppid: 0; room for @ppid as the task sees it
 * @mnt_ns: 0; room for the mount namespace
 * @pid_ns: 0; room for the pid namespace
 * @cpu: processor the call returned on
 * @repeat: 0; room for a count of identical calls
 * @comm: name of the task; any bytes, NUL-terminated
 *
 * Fields from @start_ns to @parent_start_ns, @ppid and @ns_* are those of the
 * task's first call.
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
	__u64	site[2];
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
	__u16	repeat;
	char	comm[MLOCK2MON_COMM_LEN];
};

#endif /* MLOCK2MON_H */

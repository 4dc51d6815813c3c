/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: the facts of /dev/mlock2mon for perf, ftrace, bpftrace, LTTng.
 *
 * mlock_exit comes with every return of the family, also with one that has no record
 * of its own; its seq is then 0. A related call that changed nothing has only mlock_enter.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mlock2mon

#if !defined(MLMON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MLMON_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>
#include "internal.h"

#define show_mlock_call(call)				\
	__print_symbolic(call,				\
			 { 0, "mlock2" },		\
			 { 1, "mlock" },		\
			 { 2, "munlock" },		\
			 { 3, "mlockall" },		\
			 { 4, "munlockall" },		\
			 { 5, "mmap" },			\
			 { 6, "munmap" },		\
			 { 7, "mremap" },		\
			 { 8, "brk" },			\
			 { 9, "shmat" },		\
			 { 10, "shmdt" },		\
			 { 11, "shmctl" },		\
			 { 12, "stack" })

#define show_mlock_why(why)				\
	__print_symbolic(why,				\
			 { 0, "none" },			\
			 { 1, "flags" },		\
			 { 2, "range" },		\
			 { 3, "perm" },			\
			 { 4, "limit" },		\
			 { 5, "hole" },			\
			 { 6, "maps" },			\
			 { 7, "populate" },		\
			 { 8, "nomem" },		\
			 { 9, "killed" },		\
			 { 10, "already" },		\
			 { 11, "empty" },		\
			 { 12, "unlockable" },		\
			 { 13, "near_limit" },		\
			 { 14, "blocked" },		\
			 { 15, "other" })

TRACE_EVENT(mlock_enter,
	TP_PROTO(const struct mlmon_pending *pending),

	TP_ARGS(pending),

	TP_STRUCT__entry(
		__field(u64, addr)
		__field(u64, len)
		__field(u64, locked)
		__field(u64, limit)
		__field(u32, flags)
		__field(u8, call)
	),

	TP_fast_assign(
		__entry->addr = pending->flight.addr;
		__entry->len = pending->flight.len;
		__entry->locked = pending->before << PAGE_SHIFT;
		__entry->limit = pending->limit;
		__entry->flags = pending->flight.flags;
		__entry->call = pending->flight.call;
	),

	TP_printk("call=%s addr=0x%llx len=%llu flags=0x%x locked=%llu limit=%llu",
		  show_mlock_call(__entry->call), __entry->addr, __entry->len, __entry->flags,
		  __entry->locked, __entry->limit)
);

TRACE_EVENT(mlock_exit,
	TP_PROTO(const struct mlock2mon_record *rec, u64 seq),

	TP_ARGS(rec, seq),

	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u64, addr)
		__field(u64, len)
		__field(s64, ret)
		__field(u64, dur_ns)
		__field(u64, locked)
		__field(s64, delta)
		__field(u64, limit)
		__field(u64, detail)
		__field(u32, flags)
		__field(u32, pid)
		__field(u32, uid)
		__field(u16, attr)
		__field(u8, call)
		__field(u8, why)
	),

	TP_fast_assign(
		__entry->seq = seq;
		__entry->addr = rec->addr;
		__entry->len = rec->len;
		__entry->ret = rec->ret;
		__entry->dur_ns = rec->dur_ns;
		__entry->locked = rec->locked;
		__entry->delta = rec->delta;
		__entry->limit = rec->limit;
		__entry->detail = rec->detail;
		__entry->flags = rec->flags;
		__entry->pid = rec->pid;
		__entry->uid = rec->uid;
		__entry->attr = rec->attr;
		__entry->call = rec->call;
		__entry->why = rec->why;
	),

	TP_printk("seq=%llu call=%s pid=%u uid=%u addr=0x%llx len=%llu flags=0x%x ret=%lld dur_ns=%llu locked=%llu delta=%lld limit=%llu attr=0x%x why=%s detail=%llu",
		  __entry->seq, show_mlock_call(__entry->call), __entry->pid, __entry->uid,
		  __entry->addr, __entry->len, __entry->flags, __entry->ret, __entry->dur_ns,
		  __entry->locked, __entry->delta, __entry->limit, __entry->attr,
		  show_mlock_why(__entry->why), __entry->detail)
);

#endif /* MLMON_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * Provoke every outcome of the mlock family and say what must be seen of it.
 *
 * Usage: provoke [--int80] [CASE ...]
 *        provoke --list
 *
 * READERS_UNMARKED is in the environment on a kernel whose mmap_lock does not tell who
 * read last.
 *
 * Each case runs in a process of its own, under its name, and prints
 *
 *	case NAME
 *	see call=… …	a line of /dev/mlock2mon, without seq, ts, cpu and dur_ns
 *	when TID FROM TO	between which moments of CLOCK_BOOTTIME, in nanoseconds
 *	skip REASON	if this kernel cannot show it
 *	fail REASON	if a call did not do what the case says it does
 *
 * What is printed after `see` comes from the case (why, what is short), from
 * the call (result) and from /proc/PID/status (locked memory before and
 * after), never from the module.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libc.h"
#include "see.h"
#define ANY		LONG_MIN

enum call { MLOCK2, MLOCK, MUNLOCK, MLOCKALL, MUNLOCKALL };

static const struct {
	const char *name;
	long nr;
	long nr_ia32;
} calls[] = {
	[MLOCK2]	= { "mlock2",		SYS_mlock2,	376 },
	[MLOCK]		= { "mlock",		SYS_mlock,	150 },
	[MUNLOCK]	= { "munlock",		SYS_munlock,	151 },
	[MLOCKALL]	= { "mlockall",		SYS_mlockall,	152 },
	[MUNLOCKALL]	= { "munlockall",	SYS_munlockall,	153 },
};

/* What the case says must come of a call. */
struct want {
	int error;		/* errno, 0 for success */
	long delta_kb;		/* change of VmLck, or ANY */
	const char *why;	/* NULL for a plain success */
	long short_kb;		/* with why=limit */
	long max_maps;		/* with why=maps */
	bool likely;
	bool racy;
};

#define WANT(...)	((struct want){ __VA_ARGS__ })

/* All that is known of a call, from whichever side it was watched. */
struct seen {
	enum call call;
	int pid;
	int tid;
	uint64_t addr;
	uint64_t len;
	uint32_t flags;
	long ret;
	long before_kb;
	long after_kb;
	uint64_t from_ns;	/* CLOCK_BOOTTIME before the call */
	uint64_t to_ns;		/* and after it */
	struct want want;
};

/* ---- the line that must be seen ------------------------------------------------------- */

static void format_flags(char *text, size_t size, enum call call, uint32_t flags)
{
	static const char * const mlock2_names[] = { "ONFAULT", NULL };
	static const char * const all_names[] = { "CURRENT", "FUTURE", "ONFAULT", NULL };
	static const char * const none[] = { NULL };
	const char * const *name = call == MLOCK2 ? mlock2_names :
				   call == MLOCKALL ? all_names : none;
	size_t len = 0;
	uint32_t bit;

	if (!flags)
		snprintf(text, size, "0");
	for (bit = 1; flags && *name; bit <<= 1, name++) {
		if (flags & bit)
			len += snprintf(text + len, size - len, "%s%s", len ? "|" : "", *name);
		flags &= ~bit;
	}
	if (flags)
		snprintf(text + len, size - len, "%s0x%x", len ? "|" : "", flags);
}

/* The keys that not every line has. */
static void format_rest(char *text, size_t size, const struct seen *seen)
{
	const struct want *want = &seen->want;
	bool onfault = (seen->call == MLOCK2 && seen->flags & 1) ||
		       (seen->call == MLOCKALL && seen->flags & 4);
	uint64_t page_len = (seen->len + seen->addr % PG + PG - 1) & ~(uint64_t)(PG - 1);
	size_t len = 0;

	text[0] = '\0';
	if (want->why)
		len += snprintf(text, size, " why=%s", want->why);
	if (want->short_kb)
		len = append(text, len, size, "short_kb", want->short_kb);
	if (want->max_maps)
		len = append(text, len, size, "max_maps", want->max_maps);
	if (want->likely)
		len = append(text, len, size, "likely", 1);
	if (seen->addr % PG || seen->len % PG)
		len += snprintf(text + len, size - len, " page_addr=0x%llx page_len=%llu",
				(unsigned long long)(seen->addr & ~(uint64_t)(PG - 1)),
				(unsigned long long)page_len);
	if (narrow)
		len = append(text, len, size, "compat", 1);
	if (self.inner_userns && ipc_lock())
		len = append(text, len, size, "capns", 1);
	if (want->racy)
		len = append(text, len, size, "racy", 1);
	if (onfault)
		len = append(text, len, size, "onfault", 1);
	/* In another pid namespace both numbers are told, ours and its own. */
	if (self.pid)
		snprintf(text + len, size - len, " ns_pid=%d ns_tid=%d", getpid(),
			 (int)syscall(SYS_gettid));
}

static void say_seen(const struct seen *seen)
{
	char flags[64], limit[32], rest[256];

	format_flags(flags, sizeof(flags), seen->call, seen->flags);
	format_limit(limit, sizeof(limit));
	format_rest(rest, sizeof(rest), seen);
	say("see",
	    "call=%s pid=%d tid=%d uid=%u comm=\"%s\" addr=0x%llx len=%llu flags=%s ret=%ld errno=%s locked_kb=%ld delta_kb=%ld limit_kb=%s cap=%d cgroup=%llu%s",
	    calls[seen->call].name, seen->pid, seen->tid, self.uid, self.comm,
	    (unsigned long long)seen->addr, (unsigned long long)seen->len, flags,
	    seen->ret, error_name(seen->ret), seen->after_kb, seen->after_kb - seen->before_kb,
	    limit, !self.inner_userns && ipc_lock(), (unsigned long long)cgroup_id(), rest);
	say("when", "%d %llu %llu", seen->tid, (unsigned long long)seen->from_ns,
	    (unsigned long long)seen->to_ns);
}

static void check(const struct seen *seen)
{
	const struct want *want = &seen->want;
	long delta = seen->after_kb - seen->before_kb;

	if (seen->ret != -want->error)
		fail("%s(0x%llx, %llu, 0x%x) returned %ld (%s), not %s", calls[seen->call].name,
		     (unsigned long long)seen->addr, (unsigned long long)seen->len, seen->flags,
		     seen->ret, strerror(-seen->ret), want->error ? strerror(want->error) : "0");
	if (want->delta_kb != ANY && delta != want->delta_kb)
		fail("%s(0x%llx, %llu, 0x%x) changed VmLck by %ld kB, not by %ld",
		     calls[seen->call].name, (unsigned long long)seen->addr,
		     (unsigned long long)seen->len, seen->flags, delta, want->delta_kb);
}

/* ---- the calls ------------------------------------------------------------------------ */

#ifdef __x86_64__
static long enter_int80(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "0" (nr), "b" (a), "c" (b), "d" (c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}
#else
static long enter_int80(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	(void)nr; (void)a; (void)b; (void)c;
	return -ENOSYS;
}
#endif

/* Never through libc's wrappers, which turn mlock2 without flags into mlock. */
static long enter(enum call call, uint64_t addr, uint64_t len, uint64_t flags)
{
	uint64_t first = call == MLOCKALL ? flags : addr;

	if (int80)
		return enter_int80(calls[call].nr_ia32, first, len, flags);
	if (syscall(calls[call].nr, (long)first, (long)len, (long)flags))
		return -errno;
	return 0;
}

/* Make a call, hold it to what the case says, say what must be seen of it. */
static void see(enum call call, uint64_t addr, uint64_t len, uint64_t flags, struct want want)
{
	struct seen seen = {
		.call = call, .flags = flags, .want = want,
		.addr = narrow ? (uint32_t)addr : addr,
		.len = narrow ? (uint32_t)len : len,
	};

	seen.tid = self.pid ? self.pid : (int)syscall(SYS_gettid);
	seen.pid = self.pid ? self.pid : getpid();
	seen.before_kb = locked_kb(0);
	seen.from_ns = now_ns();
	seen.ret = enter(call, addr, len, flags);
	seen.to_ns = now_ns();
	seen.after_kb = locked_kb(0);
	check(&seen);
	say_seen(&seen);
}

/* ---- cases: plain successes ----------------------------------------------------------- */

static void lock_unlock(void)
{
	uintptr_t p = area(8);

	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK2, p + 4 * PG, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MUNLOCK, p + 2 * PG, 4 * PG, 0, WANT(.delta_kb = -16));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.delta_kb = -16));
}

static void onfault(void)
{
	uintptr_t p = area(4);

	see(MLOCK2, p, 4 * PG, MLOCK_ONFAULT, WANT(.delta_kb = 16));
	see(MUNLOCK, p, 4 * PG, 0, WANT(.delta_kb = -16));
}

static void odd_range(void)
{
	uintptr_t p = area(8);

	see(MLOCK, p + 5, 1, 0, WANT(.delta_kb = 4));
	see(MLOCK, p + 2 * PG - 1, 2, 0, WANT(.delta_kb = 8));
	see(MLOCK2, p + 3 * PG, PG + 1, MLOCK_ONFAULT, WANT(.delta_kb = 8));
	see(MLOCK2, p + 5 * PG + 1, PG, 0, WANT(.delta_kb = 8));
	see(MUNLOCK, p + PG - 1, 2, 0, WANT(.delta_kb = -8));
	see(MUNLOCK, p + 2 * PG + 1, 4 * PG + 1, 0, WANT(.delta_kb = -20));
}

static void flags_high(void)
{
	uintptr_t p = area(2);

	if (narrow && !int80)
		skip("a 32-bit program has no upper half of a register");
	/* The kernel takes an int, so the upper half is not there for it. */
	see(MLOCK2, p, PG, 0xdeadbeef00000000, WANT(.delta_kb = 4));
	see(MLOCK2, p + PG, PG, 0xdeadbeef00000001, WANT(.delta_kb = 4));
	see(MLOCKALL, 0, 0, 0xdeadbeef00000000, WANT(.error = EINVAL, .why = "flags"));
}

static void registers_high(void)
{
	uintptr_t p = area(2);

	if (!int80)
		skip("only int 0x80 from 64-bit code enters with more than 32 bits");
	see(MLOCK, 0xdeadbeef00000000 | p, 0xdeadbeef00000000 | PG, 0, WANT(.delta_kb = 4));
	see(MLOCK2, 0xdeadbeef00000000 | p, 0xdeadbeef00000000 | (2 * PG), 0,
	    WANT(.delta_kb = 4));
	see(MUNLOCK, 0xffffffff00000000 | p, 0xffffffff00000000 | PG, 0, WANT(.delta_kb = -4));
}

/* The uppermost byte of an address does not count on arm64, but the record has it. */
static void tagged(void)
{
#ifdef __aarch64__
	uint64_t p = area(8) | 0xa5ULL << 56;

	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK2, p + 4 * PG, 6 * PG, MLOCK_ONFAULT,
	    WANT(.error = ENOMEM, .why = "hole", .delta_kb = 16));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.delta_kb = -32));
	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK, p + 2 * PG, 7 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
#else
	skip("addresses have no tags");
#endif
}

/* ---- cases: arguments ----------------------------------------------------------------- */

static void bad_flags(void)
{
	uintptr_t p = area(1);
	struct want want = WANT(.error = EINVAL, .why = "flags");

	see(MLOCK2, p, PG, 2, want);
	see(MLOCK2, p, PG, 3, want);
	see(MLOCK2, p, PG, -1u, want);
	see(MLOCK2, p, PG, 0x80000000, want);
	see(MLOCK2, 0, 0, 0x100, want);
	see(MLOCKALL, 0, 0, 0, want);
	see(MLOCKALL, 0, 0, 4, want);
	see(MLOCKALL, 0, 0, 8, want);
	see(MLOCKALL, 0, 0, 0xf, want);
	see(MLOCKALL, 0, 0, -1u, want);
	/* Flags are looked at before anything else. */
	limit_pages(0);
	become_somebody();
	see(MLOCK2, p, PG, 2, want);
	see(MLOCKALL, 0, 0, 4, want);
}

static void wrap(void)
{
	uintptr_t p = area(1);
	/* In 64 bits a 32-bit range cannot wrap: it ends where nothing is mapped. */
	struct want want = narrow ? WANT(.error = ENOMEM, .why = "hole") :
				    WANT(.error = EINVAL, .why = "range");
	struct want lock_want = want;

	lock_want.delta_kb = narrow ? 4 : 0;
	see(MLOCK, p, -p, 0, lock_want);
	lock_want.delta_kb = 0;
	see(MLOCK2, p, -p, MLOCK_ONFAULT, lock_want);
	see(MLOCK, -PG, 2 * PG, 0, lock_want);
	see(MLOCK, -PG + 1, PG, 0, lock_want);
	want.delta_kb = narrow ? -4 : 0;
	see(MUNLOCK, p, -p, 0, want);
	want.delta_kb = 0;
	see(MUNLOCK, -PG, 2 * PG, 0, want);
	/* The limit is looked at before the range. */
	limit_pages(1);
	become_somebody();
	see(MLOCK, p, -p, 0, WANT(.error = ENOMEM, .why = "limit",
				  .short_kb = ((narrow ? (uint32_t)-p : -p) >> 10) - PG_KB));
}

static void wrap_to_nothing(void)
{
	uintptr_t p = area(4);

	if (narrow)
		skip("a 32-bit length does not wrap in 64 bits");
	see(MLOCK, p, -1UL, 0, WANT(.why = "empty"));
	see(MLOCK2, p + 1, -1UL, 0, WANT(.why = "empty"));
	see(MLOCK2, p, -PG + 1, MLOCK_ONFAULT, WANT(.why = "empty"));
	see(MUNLOCK, p + 1, -2UL, 0, WANT(.why = "empty"));
	/* Past zero something is left. */
	see(MLOCK, p + 2, -1UL, 0, WANT(.delta_kb = 4));
	see(MUNLOCK, p + 2, -1UL, 0, WANT(.delta_kb = -4));
}

static void no_length(void)
{
	uintptr_t p = area(2);

	see(MLOCK, p, 0, 0, WANT(.why = "empty"));
	see(MLOCK, 0, 0, 0, WANT(.why = "empty"));
	see(MLOCK2, p - PG, 0, MLOCK_ONFAULT, WANT(.why = "empty"));
	see(MUNLOCK, p, 0, 0, WANT(.why = "empty"));
	/* Rounding an odd address makes a page of no length. */
	see(MLOCK, p + 1, 0, 0, WANT(.delta_kb = 4));
	see(MUNLOCK, p + 1, 0, 0, WANT(.delta_kb = -4));
}

/* ---- cases: permission and limit ------------------------------------------------------ */

static void no_permission(void)
{
	uintptr_t p = area(1);
	struct want want = WANT(.error = EPERM, .why = "perm");

	limit_pages(0);
	become_somebody();
	see(MLOCK, p, PG, 0, want);
	see(MLOCK, p, 0, 0, want);
	see(MLOCK, p, -p, 0, want);
	see(MLOCK2, p + 1, PG, 0, want);
	see(MLOCK2, p, PG, MLOCK_ONFAULT, want);
	see(MLOCKALL, 0, 0, MCL_CURRENT, want);
	see(MLOCKALL, 0, 0, MCL_FUTURE, want);
	see(MLOCKALL, 0, 0, MCL_CURRENT | MCL_FUTURE | 4, want);
	/* Unlocking needs none. */
	see(MUNLOCK, p, PG, 0, WANT(.why = "already"));
	see(MUNLOCKALL, 0, 0, 0, WANT(.why = "already"));
}

static void limit_tiny(void)
{
	uintptr_t p = area(1);

	limit_bytes(1);
	become_somebody();
	see(MLOCK, p, PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK, p, 0, 0, WANT(.why = "empty"));
}

static void limit_exceeded(void)
{
	uintptr_t p = area(32);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 9 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK2, p, 24 * PG, MLOCK_ONFAULT,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 64));
	see(MLOCK, p + 1, 8 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK2, p + PG - 1, 8 * PG + 2, 0,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 8));
	see(MLOCK, p, 3 * PG, 0, WANT(.delta_kb = 12));
	/* With nothing locked in the range, all that is asked for counts. */
	see(MLOCK, p + 16 * PG, 9 * PG, 0,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 16));
	/* It fits by itself, but not with what is locked elsewhere. */
	see(MLOCK, p + 16 * PG, 6 * PG, 0,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
}

static void limit_exact(void)
{
	uintptr_t p = area(16);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 8 * PG, 0, WANT(.delta_kb = 32));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.delta_kb = -32));
	see(MLOCK2, p + 1, 8 * PG - 1, 0, WANT(.delta_kb = 32));
}

/* The kernel counts whole pages of the limit. */
static void limit_uneven(void)
{
	uintptr_t p = area(16);

	limit_bytes(8 * PG + 2048);
	become_somebody();
	see(MLOCK, p, 9 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK, p, 8 * PG, 0, WANT(.delta_kb = 32));
}

static void limit_overlap_forgiven(void)
{
	uintptr_t p = area(16);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK, p + 2 * PG, 6 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK, p, 8 * PG, 0, WANT(.why = "already", .likely = true));
	see(MLOCK2, p + 3 * PG + 7, PG, 0, WANT(.why = "already", .likely = true));
}

static void limit_overlap_not_enough(void)
{
	uintptr_t p = area(16);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK, p + 2 * PG, 7 * PG, 0,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK, p + 2 * PG, 12 * PG, 0,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 24));
}

/* A limit lowered below what is locked makes even an empty range too much. */
static void limit_lowered(void)
{
	uintptr_t p = area(8);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 8 * PG, 0, WANT(.delta_kb = 32));
	limit_pages(2);
	see(MLOCK, p, 0, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 24));
	see(MLOCK, p + PG, PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 24));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.delta_kb = -32));
}

static void limit_all(void)
{
	long size_kb;

	limit_pages(8);
	become_somebody();
	size_kb = status(0, "\nVmSize:", 10);
	see(MLOCKALL, 0, 0, MCL_CURRENT,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = size_kb - 32));
	see(MLOCKALL, 0, 0, MCL_CURRENT | MCL_FUTURE | 4,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = size_kb - 32));
	/* What is not mapped yet is not counted. */
	see(MLOCKALL, 0, 0, MCL_FUTURE, WANT(.delta_kb = 0));
	limit_bytes((size_kb + PG_KB) << 10);
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = ANY));
}

static void limit_none(void)
{
	uintptr_t p = area(4);

	limit_bytes(RLIM64_INFINITY);
	become_somebody();
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCKALL, 0, 0, MCL_CURRENT | MCL_FUTURE, WANT(.delta_kb = ANY));
}

static void limit_huge(void)
{
	uintptr_t p = area(4);

	limit_bytes(RLIM64_INFINITY - 1);
	become_somebody();
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
}

/* ---- cases: capability ---------------------------------------------------------------- */

static void cap_over_limit(void)
{
	uintptr_t p = area(16);

	limit_pages(4);
	see(MLOCK, p, 16 * PG, 0, WANT(.delta_kb = 64));
	limit_pages(0);
	see(MLOCK2, p, 16 * PG, MLOCK_ONFAULT, WANT(.why = "already", .likely = true));
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = ANY));
}

static void cap_of_somebody(void)
{
	uintptr_t p = area(16);

	limit_pages(4);
	must(!prctl(PR_SET_KEEPCAPS, 1));
	become_somebody();
	/* Permitted is not effective. */
	see(MLOCK, p, 16 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 48));
	set_ipc_lock(true);
	see(MLOCK, p, 16 * PG, 0, WANT(.delta_kb = 64));
}

static void cap_not_of_root(void)
{
	uintptr_t p = area(16);

	limit_pages(4);
	set_ipc_lock(false);
	see(MLOCK, p, 16 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 48));
	limit_pages(0);
	see(MLOCK, p, PG, 0, WANT(.error = EPERM, .why = "perm"));
}

static void userns(void)
{
	uintptr_t p = area(16);

	limit_pages(4);
	become_somebody();
	enter_userns();
	if (!ipc_lock())
		fail("the child user namespace gave no CAP_IPC_LOCK");
	see(MLOCK, p, 5 * PG, 0, WANT(.error = ENOMEM, .why = "limit", .short_kb = 4));
	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	limit_pages(0);
	see(MLOCK, p, PG, 0, WANT(.error = EPERM, .why = "perm"));
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.error = EPERM, .why = "perm"));
	set_ipc_lock(false);
	see(MLOCK, p, PG, 0, WANT(.error = EPERM, .why = "perm"));
}

static void userns_of_root(void)
{
	uintptr_t p = area(16);

	limit_pages(4);
	enter_userns();
	see(MLOCK2, p, 6 * PG, MLOCK_ONFAULT,
	    WANT(.error = ENOMEM, .why = "limit", .short_kb = 8));
	limit_pages(0);
	see(MLOCK2, p, PG, 0, WANT(.error = EPERM, .why = "perm"));
}

/* ---- cases: holes --------------------------------------------------------------------- */

static void hole_start(void)
{
	uintptr_t p = area(4);

	see(MLOCK, p - 2 * PG, 4 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MLOCK2, p - PG + 3, 2 * PG, MLOCK_ONFAULT, WANT(.error = ENOMEM, .why = "hole"));
	see(MLOCK, p - 8 * PG, 2 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MLOCK, 0, PG, 0, WANT(.error = ENOMEM, .why = "hole"));
}

static void hole_middle(void)
{
	uintptr_t p = area_holed(8, 4, 2);

	see(MLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole", .delta_kb = 16));
	see(MLOCK2, p + 5 * PG, PG, 0, WANT(.error = ENOMEM, .why = "hole"));
}

static void hole_end(void)
{
	uintptr_t p = area(8);

	see(MLOCK2, p, 10 * PG, MLOCK_ONFAULT,
	    WANT(.error = ENOMEM, .why = "hole", .delta_kb = 32));
	/* Locked by the call before: nothing is left that could change. */
	see(MLOCK2, p, 10 * PG, MLOCK_ONFAULT, WANT(.error = ENOMEM, .why = "hole"));
}

static void hole_after_locked(void)
{
	uintptr_t p = area_holed(8, 4, 4);

	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MLOCK, p + 2 * PG, 3 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
}

static void hole_of_somebody(void)
{
	uintptr_t p = area_holed(8, 4, 2);

	limit_pages(16);
	become_somebody();
	see(MLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole", .delta_kb = 16));
	/* Over the limit but for the overlap, so forgiven, then a hole. */
	limit_pages(8);
	see(MLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
}

static void hole_unlock(void)
{
	uintptr_t p = area(8);

	see(MLOCK, p, 8 * PG, 0, WANT(.delta_kb = 32));
	must(!munmap((void *)(p + 4 * PG), 2 * PG));
	see(MUNLOCK, p - PG, 2 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole", .delta_kb = -16));
	see(MUNLOCK, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MUNLOCK, p + 4 * PG, PG, 0, WANT(.error = ENOMEM, .why = "hole"));
	see(MUNLOCK, p + 6 * PG, 2 * PG, 0, WANT(.delta_kb = -8));
	see(MUNLOCK, p + 6 * PG, 2 * PG, 0, WANT(.why = "already"));
}

static pid_t idle;

static void *do_nothing(void *arg)
{
	__atomic_store_n(&idle, syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return arg;
}

static char state_of(pid_t tid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	must(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
	fclose(file);
	return state;
}

/* On its way to sleep it has page faults, and those mark mmap_lock. */
static void add_idle_thread(void)
{
	pthread_t thread;
	pid_t tid;

	must(!pthread_create(&thread, NULL, do_nothing, NULL));
	while (!(tid = __atomic_load_n(&idle, __ATOMIC_ACQUIRE)) || state_of(tid) != 'S')
		usleep(1000);
}

static bool readers_marked(void)
{
	return !getenv("READERS_UNMARKED");
}

/* What another thread may have done since cannot be ruled out. */
static void hole_among_threads(void)
{
	uintptr_t p = area_holed(8, 4, 4);
	uintptr_t q = area_prot(2, PROT_NONE);

	add_idle_thread();
	see(MLOCK, p, 8 * PG, 0,
	    WANT(.error = ENOMEM, .why = "hole", .delta_kb = 16, .likely = true));
	see(MLOCK2, p, 8 * PG, 0, WANT(.error = ENOMEM, .why = "hole", .likely = true));
	see(MUNLOCK, p, 8 * PG, 0,
	    WANT(.error = ENOMEM, .why = "hole", .delta_kb = -16, .likely = true));
	/* The mark of the last reader is proof, where there is one: see judge.c. */
	see(MLOCK, q, 2 * PG, 0,
	    WANT(.error = ENOMEM, .why = "populate", .delta_kb = 8, .likely = !readers_marked()));
	see(MLOCK, q, 2 * PG, 0,
	    WANT(.error = ENOMEM, .why = "populate", .likely = !readers_marked()));
}

/* ---- cases: pages that cannot be brought in ------------------------------------------- */

/* Is the kernel older than this release? */
static bool before(int major, int minor)
{
	struct utsname name;
	int is_major, is_minor;

	must(!uname(&name) && sscanf(name.release, "%d.%d", &is_major, &is_minor) == 2);
	return is_major < major || (is_major == major && is_minor < minor);
}

static void populate_prot_none(void)
{
	uintptr_t p = area_prot(4, PROT_NONE);

	see(MLOCK, p, 4 * PG, 0, WANT(.error = ENOMEM, .why = "populate", .delta_kb = 16));
	see(MLOCK, p, 4 * PG, 0, WANT(.error = ENOMEM, .why = "populate"));
	see(MLOCK2, p + PG + 1, PG, 0, WANT(.error = ENOMEM, .why = "populate"));
	see(MUNLOCK, p, 4 * PG, 0, WANT(.delta_kb = -16));
	/* Nothing is brought in before it is touched; kernels before 5.18 try to. */
	if (before(5, 18))
		see(MLOCK2, p, 4 * PG, MLOCK_ONFAULT,
		    WANT(.error = ENOMEM, .why = "populate", .delta_kb = 16));
	else
		see(MLOCK2, p, 4 * PG, MLOCK_ONFAULT, WANT(.delta_kb = 16));
}

static void populate_prot_none_end(void)
{
	uintptr_t p = area(4);

	must(!mprotect((void *)(p + 2 * PG), 2 * PG, PROT_NONE));
	see(MLOCK, p, 2 * PG, 0, WANT(.delta_kb = 8));
	see(MLOCK, p, 4 * PG, 0, WANT(.error = ENOMEM, .why = "populate", .delta_kb = 8));
}

static void populate_of_somebody(void)
{
	uintptr_t p = area_prot(8, PROT_NONE);

	limit_pages(8);
	become_somebody();
	see(MLOCK, p, 6 * PG, 0, WANT(.error = ENOMEM, .why = "populate", .delta_kb = 24));
	/* Over the limit but for the overlap, so forgiven, and as before. */
	see(MLOCK, p, 6 * PG, 0, WANT(.error = ENOMEM, .why = "populate"));
}

static uintptr_t area_of_file(unsigned long pages, unsigned long file_pages)
{
	uintptr_t at = piece(pages, PG);
	int fd = memfd_create("provoke", MFD_CLOEXEC);

	must(fd >= 0 && !ftruncate(fd, file_pages * PG));
	map_at(at, pages, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	return at;
}

static void populate_past_end(void)
{
	uintptr_t p = area_of_file(4, 0);

	see(MLOCK, p, 4 * PG, 0, WANT(.error = ENOMEM, .why = "populate", .delta_kb = 16));
	see(MLOCK2, p, PG, 0, WANT(.error = ENOMEM, .why = "populate"));
}

static void populate_partly_past_end(void)
{
	uintptr_t p = area_of_file(4, 2);

	see(MLOCK, p, 2 * PG, 0, WANT(.delta_kb = 8));
	see(MLOCK2, p, 4 * PG, 0, WANT(.error = ENOMEM, .why = "populate", .delta_kb = 8));
	see(MLOCK, p + PG, 2 * PG, 0, WANT(.error = ENOMEM, .why = "populate"));
	see(MUNLOCK, p + PG, 3 * PG, 0, WANT(.delta_kb = -12));
	see(MLOCK, p + PG, 3 * PG, 0,
	    WANT(.error = ENOMEM, .why = "populate", .delta_kb = 12));
}

/* ---- cases: number of mappings -------------------------------------------------------- */

#define MAX_MAP_COUNT	"/proc/sys/vm/max_map_count"

/* As the kernel counts: without the page that is in no list of mappings. */
static long count_maps(void)
{
	static char text[1 << 16];
	long lines = 0, len = 0, got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char *p;

	must(fd >= 0);
	while ((got = read(fd, text + len, sizeof(text) - len - 1)) > 0)
		len += got;
	close(fd);
	text[len] = '\0';
	for (p = text; (p = strchr(p, '\n')); p++)
		lines++;
	return lines - !!strstr(text, "[vsyscall]");
}

/* Maps until one more mapping would be as many as the limit. */
static long fill_maps(void)
{
	long limit = count_maps() + 40;

	must(!write_number(MAX_MAP_COUNT, limit));
	while (count_maps() < limit - 1)
		area(1);
	return limit;
}

static void maps_exhausted(void)
{
	long before = read_number(MAX_MAP_COUNT);
	uintptr_t locked = area(3);
	uintptr_t p = area(3);
	uintptr_t q = area(3);
	struct want want = WANT(.error = ENOMEM, .why = "maps");

	see(MLOCK, locked, 3 * PG, 0, WANT(.delta_kb = 12));
	want.max_maps = fill_maps();
	/* Of the two splits that the middle needs the first still works. */
	see(MLOCK, p + PG, PG, 0, want);
	see(MLOCK, q + PG, PG, 0, want);
	see(MLOCK2, q, PG, MLOCK_ONFAULT, want);
	see(MUNLOCK, locked + PG, PG, 0, want);
	/* Without a split there is no need for a mapping. */
	see(MLOCK, q, 3 * PG, 0, WANT(.delta_kb = 12));
	see(MUNLOCK, locked, 3 * PG, 0, WANT(.delta_kb = -12));
	must(!write_number(MAX_MAP_COUNT, before));
}

/* ---- cases: waiting for a page -------------------------------------------------------- */

/* A page that only userfaultfd can bring. Whoever needs it waits. */
static int withhold(uintptr_t at, unsigned long pages)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = at, .len = pages * PG },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 && errno == ENOSYS)
		skip("this kernel has no userfaultfd");
	must(fd >= 0);
	must(!ioctl(fd, UFFDIO_API, &api));
	must(!ioctl(fd, UFFDIO_REGISTER, &range));
	return fd;
}

static void await_fault(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;

	must(poll(&wait, 1, TIMEOUT_S * 1000) == 1);
	must(read(fd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT);
}

static void deliver(int fd, uintptr_t at, unsigned long pages)
{
	struct uffdio_zeropage zero = { .range = { .start = at, .len = pages * PG } };

	must(!ioctl(fd, UFFDIO_ZEROPAGE, &zero));
}

struct waiter {
	uintptr_t at;
	unsigned long pages;
	long ret;
	int tid;
	int waiting;
};

static void *wait_for_page(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = syscall(SYS_gettid);
	waiter->ret = enter(MLOCK2, waiter->at, waiter->pages * PG, 0);
	return NULL;
}

static void victim(struct waiter *waiter)
{
	int fd = withhold(waiter->at, waiter->pages);
	pthread_t thread;

	must(!pthread_create(&thread, NULL, wait_for_page, waiter));
	await_fault(fd);
	__atomic_store_n(&waiter->waiting, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void killed(void)
{
	struct waiter *waiter = mmap(NULL, PG, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct seen seen = { .call = MLOCK2, .ret = -EINTR };
	int pid, child_status, i;

	must(waiter != MAP_FAILED);
	waiter->pages = 3;
	waiter->at = area(waiter->pages);
	seen.from_ns = now_ns();
	pid = fork();
	must(pid >= 0);
	if (!pid)
		victim(waiter);
	for (i = 0; i < TIMEOUT_S * 100; i++) {
		if (__atomic_load_n(&waiter->waiting, __ATOMIC_ACQUIRE))
			break;
		usleep(10000);
	}
	seen.after_kb = locked_kb(pid);
	must(!kill(pid, SIGKILL));
	must(waitpid(pid, &child_status, 0) == pid);
	seen.to_ns = now_ns();
	if (!WIFSIGNALED(child_status) || WTERMSIG(child_status) != SIGKILL || !waiter->waiting)
		fail("the victim was not killed while it waited");
	seen.pid = pid;
	seen.tid = waiter->tid;
	seen.addr = waiter->at;
	seen.len = waiter->pages * PG;
	seen.want = WANT(.error = EINTR, .why = "killed", .delta_kb = 12);
	check(&seen);
	say_seen(&seen);
}

/* Two calls of one process at once: each sees what the other did. */
static void racy(void)
{
	struct waiter waiter = { .at = area(3), .pages = 3 };
	uintptr_t p = area(5);
	struct seen seen = { .call = MLOCK2, .addr = waiter.at, .len = 3 * PG };
	int fd = withhold(waiter.at, waiter.pages);
	pthread_t thread;

	seen.from_ns = now_ns();
	must(!pthread_create(&thread, NULL, wait_for_page, &waiter));
	await_fault(fd);
	see(MLOCK, p, 5 * PG, 0, WANT(.delta_kb = 20, .racy = true));
	deliver(fd, waiter.at, waiter.pages);
	must(!pthread_join(thread, NULL));
	seen.pid = getpid();
	seen.tid = waiter.tid;
	seen.to_ns = now_ns();
	seen.ret = waiter.ret;
	seen.after_kb = locked_kb(0);
	seen.want = WANT(.delta_kb = 32, .racy = true);
	check(&seen);
	say_seen(&seen);
	see(MUNLOCK, p, 5 * PG, 0, WANT(.delta_kb = -20));
}

/* ---- cases: no memory ----------------------------------------------------------------- */

#define CGROUP		"/sys/fs/cgroup/provoke"

/* Left with nothing, a process could not even say so: it is fed right after the call. */
static struct seen starve(uintptr_t p, unsigned long pages)
{
	struct seen seen = { .call = MLOCK, .addr = p, .len = pages * PG };
	int max = open(CGROUP "/memory.max", O_WRONLY | O_CLOEXEC);

	must(max >= 0);
	must(!write_number(CGROUP "/cgroup.procs", 0));
	/* Not to be killed for it, so that the call must fail instead. */
	must(!write_number("/proc/self/oom_score_adj", -1000));
	seen.before_kb = locked_kb(0);
	seen.from_ns = now_ns();
	seen.ret = enter(MLOCK, p, pages * PG, 0);
	seen.to_ns = now_ns();
	must(write(max, "max", 3) == 3);
	seen.after_kb = locked_kb(0);
	return seen;
}

static void lock_starving(unsigned long pages)
{
	struct seen seen;
	uintptr_t p;

	/* All that is there already is brought in, so that nothing else needs memory. */
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = ANY));
	p = area(pages);
	seen = starve(p, pages);
	seen.pid = getpid();
	seen.tid = getpid();
	seen.want = WANT(.error = EAGAIN, .why = "nomem", .delta_kb = pages * PG_KB);
	check(&seen);
	say_seen(&seen);
	/* Locked it is: what is missing comes when it is touched, if it can. */
	see(MLOCK2, p, pages * PG, 0, WANT(.why = "already", .likely = true));
	see(MUNLOCK, p, pages * PG, 0, WANT(.delta_kb = -pages * PG_KB));
	_exit(0);
}

static void no_memory(void)
{
	int pid, child_status;

	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK))
		skip("the unified cgroup hierarchy is not mounted");
	if (write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory"))
		skip("the unified cgroup hierarchy has no memory controller");
	must(!mkdir(CGROUP, 0755) || errno == EEXIST);
	must(!write_number(CGROUP "/memory.max", 4 << 20));
	/* There is no such file without swap. */
	write_number(CGROUP "/memory.swap.max", 0);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		lock_starving(2048);
	must(waitpid(pid, &child_status, 0) == pid);
	if (child_status)
		fail("the starving process died: 0x%x", child_status);
	if (rmdir(CGROUP))
		fail("rmdir " CGROUP ": %s", strerror(errno));
}

/* ---- cases: memory that is never locked ----------------------------------------------- */

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

static void hugetlb(void)
{
	long before = read_number(NR_HUGEPAGES);
	unsigned long pages = HUGE / PG;
	uintptr_t at = piece(pages, HUGE);
	uintptr_t p;

	if (before < 0 || write_number(NR_HUGEPAGES, before + 2) ||
	    read_number(NR_HUGEPAGES) < before + 1)
		skip("no huge pages to be had");
	map_at(at, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	see(MLOCK, at, HUGE, 0, WANT(.why = "unlockable"));
	see(MLOCK2, at + 1, PG, MLOCK_ONFAULT, WANT(.why = "unlockable"));
	see(MUNLOCK, at, HUGE, 0, WANT(.why = "already"));
	/* As much locked elsewhere must not be taken for this range. */
	p = area(pages);
	see(MLOCK, p, HUGE, 0, WANT(.delta_kb = HUGE >> 10));
	see(MLOCK, at, HUGE, 0, WANT(.why = "unlockable"));
	see(MLOCK, p, HUGE, 0, WANT(.why = "already"));
	must(!munmap((void *)at, HUGE));
	must(!write_number(NR_HUGEPAGES, before));
}

/* A mapping of huge pages, when there are none left. */
static void hugetlb_none(void)
{
	unsigned long pages = HUGE / PG;
	uintptr_t at = piece(pages, HUGE);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE;

	if (read_number(NR_HUGEPAGES))
		skip("the machine has huge pages");
	map_at(at, pages, PROT_READ | PROT_WRITE, flags, -1);
	see(MLOCK, at, HUGE, 0, WANT(.error = ENOMEM, .why = "populate"));
	/* Nor is it locked as it is touched. */
	see(MLOCK2, at, HUGE, MLOCK_ONFAULT, WANT(.error = ENOMEM, .why = "populate"));
}

static void special(void)
{
	uintptr_t at = getauxval(AT_SYSINFO_EHDR);

	if (!at || (narrow && at >> 31 >> 1))
		skip("the vDSO is out of reach");
	see(MLOCK, at, PG, 0, WANT(.why = "unlockable"));
	see(MUNLOCK, at, PG, 0, WANT(.why = "already"));
}

static void secretmem(void)
{
	unsigned long pages = 4;
	uintptr_t at = piece(pages, PG);
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		skip("memfd_secret: %s", strerror(errno));
	must(!ftruncate(fd, pages * PG));
	map_at(at, pages, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	say("note", "mapping %lu kB of secret memory made VmLck %ld kB", pages * PG_KB,
	    locked_kb(0));
	/* Its pages come when touched, and by no other way: not even for mlock. */
	see(MLOCK, at, pages * PG, 0, WANT(.error = ENOMEM, .why = "populate"));
	memset((void *)at, 1, pages * PG);
	see(MLOCK2, at, pages * PG, 0, WANT(.error = ENOMEM, .why = "populate"));
	see(MUNLOCK, at, pages * PG, 0, WANT(.why = "already"));
}

/* ---- cases: the whole process --------------------------------------------------------- */

static void all_flags_of(unsigned int flags)
{
	see(MLOCKALL, 0, 0, flags, WANT(.delta_kb = ANY));
	/* The kind of lock, on fault or not, may be another one now. */
	see(MLOCKALL, 0, 0, flags, WANT(.why = "already", .likely = flags & MCL_CURRENT));
	see(MUNLOCKALL, 0, 0, 0, WANT(.delta_kb = ANY));
	see(MUNLOCKALL, 0, 0, 0, WANT(.why = "already"));
}

static void all_flags(void)
{
	unsigned int flags;

	for (flags = 1; flags <= 7; flags++) {
		if (flags != 4)
			all_flags_of(flags);
	}
}

/* What is mapped later changes, what is mapped does not. */
static void all_future(void)
{
	see(MUNLOCKALL, 0, 0, 0, WANT(.why = "already"));
	see(MLOCKALL, 0, 0, MCL_FUTURE, WANT(.delta_kb = 0));
	see(MLOCKALL, 0, 0, MCL_FUTURE | 4, WANT(.delta_kb = 0));
	see(MLOCKALL, 0, 0, MCL_FUTURE, WANT(.delta_kb = 0));
	see(MLOCKALL, 0, 0, MCL_FUTURE, WANT(.why = "already"));
	see(MUNLOCKALL, 0, 0, 0, WANT(.delta_kb = 0));
	see(MUNLOCKALL, 0, 0, 0, WANT(.why = "already"));
}

static void all_steps(void)
{
	uintptr_t p = area(4);

	see(MLOCK, p, 4 * PG, 0, WANT(.delta_kb = 16));
	see(MLOCKALL, 0, 0, MCL_CURRENT | MCL_FUTURE, WANT(.delta_kb = ANY));
	see(MLOCK, p, 4 * PG, 0, WANT(.why = "already", .likely = true));
	see(MUNLOCK, p, 4 * PG, 0, WANT(.delta_kb = -16));
	/* One page is locked again, and later mappings no longer are. */
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = 16));
	area(4);
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = 16));
	see(MUNLOCKALL, 0, 0, 0, WANT(.delta_kb = ANY));
}

/* mlockall ignores what makes mlock fail. */
static void all_with_prot_none(void)
{
	area_prot(4, PROT_NONE);
	see(MLOCKALL, 0, 0, MCL_CURRENT, WANT(.delta_kb = ANY));
}

/* ---- cases: who ----------------------------------------------------------------------- */

static void *lock_in_thread(void *arg)
{
	see(MLOCK, *(uintptr_t *)arg, PG, 0, WANT(.delta_kb = 4));
	return NULL;
}

static void thread(void)
{
	uintptr_t p = area(4);
	pthread_t thread;

	see(MLOCK, p + 2 * PG, PG, 0, WANT(.delta_kb = 4));
	must(!pthread_create(&thread, NULL, lock_in_thread, &p));
	must(!pthread_join(thread, NULL));
	see(MUNLOCK, p, PG, 0, WANT(.delta_kb = -4));
}

/* A process that does not know its own number: the initial namespace's must be seen. */
static void pid_namespace(void)
{
	uintptr_t p = area(4);
	int pipe_fd[2], pid, child_status;

	must(!pipe(pipe_fd));
	must(!unshare(CLONE_NEWPID));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must(read(pipe_fd[0], &self.pid, sizeof(self.pid)) == sizeof(self.pid));
		must(getpid() == 1);
		see(MLOCK, p, PG, 0, WANT(.delta_kb = 4));
		_exit(0);
	}
	must(write(pipe_fd[1], &pid, sizeof(pid)) == sizeof(pid));
	must(waitpid(pid, &child_status, 0) == pid && !child_status);
}

static void comm_bytes(void)
{
	uintptr_t p = area(4);

	must(!prctl(PR_SET_NAME, "a\" ret=0\\\n\xe9\x7f\x01 z"));
	self.comm = "a\\\" ret=0\\\\\\x0a\\xe9\\x7f\\x01 z";
	see(MLOCK, p, PG, 0, WANT(.delta_kb = 4));
	must(!prctl(PR_SET_NAME, "sixteen-bytes-cut"));
	self.comm = "sixteen-bytes-c";
	see(MUNLOCK, p, PG, 0, WANT(.delta_kb = -4));
	must(!prctl(PR_SET_NAME, ""));
	self.comm = "";
	see(MUNLOCK, p, PG, 0, WANT(.why = "already"));
}

/* A call that a filter keeps from the kernel function is none. */
static void filtered(void)
{
	uintptr_t p = area(4);
	unsigned int nr = int80 ? (unsigned int)calls[MLOCK].nr_ia32 : SYS_mlock;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	see(MLOCK, p, PG, 0, WANT(.delta_kb = 4));
	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	if (enter(MLOCK, p, 4 * PG, 0) != -EPERM)
		fail("the filter let the call pass");
	see(MUNLOCK, p, 4 * PG, 0, WANT(.delta_kb = -4));
}

/* ---- run ------------------------------------------------------------------------------ */

static const struct see_case cases[] = {
	{ "lock_unlock",	lock_unlock },
	{ "onfault",		onfault },
	{ "odd_range",		odd_range },
	{ "flags_high",		flags_high },
	{ "registers_high",	registers_high },
	{ "tagged",		tagged },
	{ "bad_flags",		bad_flags },
	{ "wrap",		wrap },
	{ "wrap_to_nothing",	wrap_to_nothing },
	{ "no_length",		no_length },
	{ "no_permission",	no_permission },
	{ "limit_tiny",		limit_tiny },
	{ "limit_exceeded",	limit_exceeded },
	{ "limit_exact",	limit_exact },
	{ "limit_uneven",	limit_uneven },
	{ "overlap_enough",	limit_overlap_forgiven },
	{ "overlap_short",	limit_overlap_not_enough },
	{ "limit_lowered",	limit_lowered },
	{ "limit_all",		limit_all },
	{ "limit_none",		limit_none },
	{ "limit_huge",		limit_huge },
	{ "cap_over_limit",	cap_over_limit },
	{ "cap_of_somebody",	cap_of_somebody },
	{ "cap_not_of_root",	cap_not_of_root },
	{ "userns",		userns },
	{ "userns_of_root",	userns_of_root },
	{ "hole_start",		hole_start },
	{ "hole_middle",	hole_middle },
	{ "hole_end",		hole_end },
	{ "hole_locked",	hole_after_locked },
	{ "hole_somebody",	hole_of_somebody },
	{ "hole_unlock",	hole_unlock },
	{ "hole_threads",	hole_among_threads },
	{ "prot_none",		populate_prot_none },
	{ "prot_none_end",	populate_prot_none_end },
	{ "prot_none_user",	populate_of_somebody },
	{ "past_end",		populate_past_end },
	{ "partly_past_end",	populate_partly_past_end },
	{ "maps_exhausted",	maps_exhausted },
	{ "killed",		killed },
	{ "racy",		racy },
	{ "no_memory",		no_memory },
	{ "hugetlb",		hugetlb },
	{ "hugetlb_none",	hugetlb_none },
	{ "special",		special },
	{ "secretmem",		secretmem },
	{ "all_flags",		all_flags },
	{ "all_future",		all_future },
	{ "all_steps",		all_steps },
	{ "all_prot_none",	all_with_prot_none },
	{ "thread",		thread },
	{ "pid_namespace",	pid_namespace },
	{ "comm_bytes",		comm_bytes },
	{ "filtered",		filtered },
};

#define NR_CASES	(sizeof(cases) / sizeof(cases[0]))

int main(int argc, char **argv)
{
	return run_cases(cases, NR_CASES, argc, argv);
}

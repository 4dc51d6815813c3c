// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * Provoke what the calls do that are watched with related=1, and say what must be
 * seen of it.
 *
 * Usage: related [--int80] [CASE ...]
 *        related --list
 *        related --silent	lock nothing, in thousands of calls of all these kinds
 *        related --held	stay inside mremap; prints `inside PID ADDR`
 *        related --much	be inside mmap most of the time; prints `inside PID`
 *
 * Whether a call has a record, and its reason, come from the case; the result from
 * the call; locked memory from /proc/self/status; never from the module.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "see.h"

#define RW		(PROT_READ | PROT_WRITE)
#define ANON		(MAP_PRIVATE | MAP_ANONYMOUS)
#define MUCH		(128UL << 20)
#define IPC_SHMAT	21
#define IPC_SHMDT	22
#define IPC_SHMCTL	24

/* What the case says must come of a call. */
struct want {
	int error;		/* errno, 0 for success */
	long delta_kb;		/* change of VmLck */
	const char *why;	/* NULL for a plain success */
	long short_kb;		/* with why=limit */
	bool likely;
	bool onfault;
	bool no_record;
};

#define WANT(...)	((struct want){ __VA_ARGS__ })
#define NO_RECORD	WANT(.no_record = true)

/* A call as a record tells it. */
struct told {
	const char *call;
	uint64_t addr;
	uint64_t len;
	const char *flags;
	bool moves;		/* mremap: old_len and new_addr are told */
	uint64_t old_len;
	uint64_t new_addr;
};

/* ---- how the kernel is entered -------------------------------------------------------- */

/* Of 32-bit arm, and with the arguments of the one with that name elsewhere. */
#ifndef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif

struct entry {
	long nr;
	long nr_ia32;
};

static const struct entry
	call_mmap	= { SYS_mmap,		192 },
	call_munmap	= { SYS_munmap,		91 },
	call_mremap	= { SYS_mremap,		163 },
	call_brk	= { SYS_brk,		45 },
	call_shmat	= { SYS_shmat,		397 },
	call_shmdt	= { SYS_shmdt,		398 },
	call_shmctl	= { SYS_shmctl,		396 },
	call_mlock	= { SYS_mlock,		150 },
	call_mlockall	= { SYS_mlockall,	152 },
	call_munlockall	= { SYS_munlockall,	153 };

#ifdef __x86_64__
static long enter_int80(long nr, const uint64_t *arg)
{
	register uint64_t sixth asm("r12") = arg[5];
	long ret;

	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "push %%rbp\n\t"
		     "mov %[sixth], %%rbp\n\t"
		     "int $0x80\n\t"
		     "pop %%rbp\n\t"
		     "lea 128(%%rsp), %%rsp"
		     : "=a" (ret)
		     : "0" (nr), "b" (arg[0]), "c" (arg[1]), "d" (arg[2]), "S" (arg[3]),
		       "D" (arg[4]), [sixth] "r" (sixth)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#else
static long enter_int80(long nr, const uint64_t *arg)
{
	(void)nr; (void)arg;
	return -ENOSYS;
}
#endif

static long nr_of(const struct entry *entry)
{
#ifdef __i386__
	/* SYS_mmap is the one with its arguments in memory. */
	return entry->nr_ia32;
#else
	return entry->nr;
#endif
}

/* The result as the kernel gives it: an address, or -errno. */
static long enter(const struct entry *entry, const uint64_t *arg)
{
	unsigned long ret;

	if (int80) {
		ret = enter_int80(entry->nr_ia32, arg);
		return (int)ret < 0 && (int)ret > -4096 ? (int)ret : (long)(uint32_t)ret;
	}
	ret = syscall(nr_of(entry), (long)arg[0], (long)arg[1], (long)arg[2], (long)arg[3],
		      (long)arg[4], (long)arg[5]);
	return ret == -1UL ? -errno : (long)ret;
}

/* ---- the line that must be seen ------------------------------------------------------- */

static void format_ret(char *text, size_t size, long ret)
{
	if (ret <= 0 && ret > -4096)
		snprintf(text, size, "%ld", ret);
	else
		snprintf(text, size, "0x%lx", ret);
}

static const char *error_text(long ret)
{
	if (ret == -EBADF)
		return "EBADF";
	return ret <= 0 && ret > -4096 ? error_name(ret) : "0";
}

static void format_rest(char *text, size_t size, const struct told *told,
			const struct want *want)
{
	size_t len = 0;

	text[0] = '\0';
	if (want->why)
		len += snprintf(text, size, " why=%s", want->why);
	if (want->short_kb)
		len = append(text, len, size, "short_kb", want->short_kb);
	if (want->likely)
		len = append(text, len, size, "likely", 1);
	if (narrow)
		len = append(text, len, size, "compat", 1);
	if (want->onfault)
		len = append(text, len, size, "onfault", 1);
	if (told->moves)
		snprintf(text + len, size - len, " old_len=%llu new_addr=0x%llx",
			 (unsigned long long)told->old_len, (unsigned long long)told->new_addr);
}

static void say_seen(const struct told *told, long ret, long before, long after,
		     const struct want *want)
{
	char limit[32], result[32], rest[256];

	format_limit(limit, sizeof(limit));
	format_ret(result, sizeof(result), ret);
	format_rest(rest, sizeof(rest), told, want);
	say("see",
	    "call=%s pid=%d tid=%d uid=%u comm=\"%s\" addr=0x%llx len=%llu flags=%s ret=%s errno=%s locked_kb=%ld delta_kb=%ld limit_kb=%s cap=%d cgroup=%llu%s",
	    told->call, getpid(), (int)syscall(SYS_gettid), self.uid, self.comm,
	    (unsigned long long)told->addr, (unsigned long long)told->len, told->flags, result,
	    error_text(ret), after, after - before, limit, ipc_lock(),
	    (unsigned long long)cgroup_id(), rest);
}

/* Make a call, hold it to what the case says, say what must be seen of it. */
static long see(const struct entry *entry, const uint64_t *arg, const struct told *told,
		struct want want)
{
	long before = locked_kb(0), ret, after;

	ret = enter(entry, arg);
	after = locked_kb(0);
	if (want.error ? ret != -want.error : ret < 0 && ret > -4096)
		fail("%s(0x%llx, %llu, %s) returned %ld, not %s", told->call,
		     (unsigned long long)told->addr, (unsigned long long)told->len, told->flags,
		     ret, want.error ? strerror(want.error) : "success");
	if (after - before != want.delta_kb)
		fail("%s(0x%llx, %llu, %s) changed VmLck by %ld kB, not by %ld", told->call,
		     (unsigned long long)told->addr, (unsigned long long)told->len, told->flags,
		     after - before, want.delta_kb);
	if (!want.no_record)
		say_seen(told, ret, before, after, &want);
	return ret;
}

struct arguments {
	uint64_t arg[6];
};

#define ARGS(...)	(((struct arguments){ .arg = { __VA_ARGS__ } }).arg)
#define TOLD(name, at, length, bits)	(&(struct told){				\
	.call = (name), .addr = (at), .len = (length), .flags = (bits) })

/* ---- calls ---------------------------------------------------------------------------- */

static const char *map_flags(unsigned int flags)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ MAP_FIXED, "FIXED" }, { MAP_ANONYMOUS, "ANONYMOUS" },
		{ MAP_GROWSDOWN, "GROWSDOWN" }, { MAP_LOCKED, "LOCKED" },
		{ MAP_POPULATE, "POPULATE" }, { MAP_NONBLOCK, "NONBLOCK" },
		{ MAP_HUGETLB, "HUGETLB" },
	};
	static char text[128];
	size_t len, i;

	len = snprintf(text, sizeof(text), "%s",
		       (flags & 3) == MAP_PRIVATE ? "PRIVATE" : "SHARED");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & names[i].bit)
			len += snprintf(text + len, sizeof(text) - len, "|%s", names[i].name);
	}
	return text;
}

static uintptr_t see_mmap(uintptr_t at, size_t len, int prot, int flags, int fd,
			  struct want want)
{
	return see(&call_mmap, ARGS(at, len, prot, flags, fd),
		   TOLD("mmap", at, len, map_flags(flags)), want);
}

static void see_munmap(uintptr_t at, size_t len, struct want want)
{
	see(&call_munmap, ARGS(at, len), TOLD("munmap", at, len, "0"), want);
}

static uintptr_t see_mremap(uintptr_t at, size_t old, size_t new, unsigned int flags,
			    uintptr_t to, struct want want)
{
	static const char * const names[] = {
		"0", "MAYMOVE", "FIXED", "MAYMOVE|FIXED", "DONTUNMAP", "MAYMOVE|DONTUNMAP",
		"FIXED|DONTUNMAP", "MAYMOVE|FIXED|DONTUNMAP",
	};

	return see(&call_mremap, ARGS(at, old, new, flags, to),
		   &(struct told){ "mremap", at, new, names[flags & 7], true, old, to }, want);
}

/* The kernel gives back the old break if it refuses; in the record that is ENOMEM. */
static void see_brk(uintptr_t to, struct want want)
{
	uintptr_t was = enter(&call_brk, ARGS(0)), now;
	long before = locked_kb(0), after;
	struct told told;
	bool done;

	now = enter(&call_brk, ARGS(to));
	after = locked_kb(0);
	told = *TOLD("brk", to, to > was ? to - was : 0, "0");
	done = now == to;
	if (done != !want.error)
		fail("brk(%#lx) gave %#lx", (long)to, (long)now);
	if (after - before != want.delta_kb)
		fail("brk(%#lx) changed VmLck by %ld kB", (long)to, after - before);
	if (!want.no_record)
		say_seen(&told, done ? (long)now : -ENOMEM, before, after, &want);
}

static uintptr_t see_shmat(int id, uintptr_t at, int flags, const char *text,
			   struct want want)
{
	return see(&call_shmat, ARGS(id, at, flags), TOLD("shmat", at, 0, text), want);
}

static void see_shmdt(uintptr_t at, struct want want)
{
	see(&call_shmdt, ARGS(at), TOLD("shmdt", at, 0, "0"), want);
}

static void see_shmctl(int id, int command, struct want want)
{
	see(&call_shmctl, ARGS(id, command),
	    TOLD("shmctl", id, 0, command == SHM_LOCK ? "LOCK" : "UNLOCK"), want);
}

static void see_mlock(uintptr_t at, size_t len, struct want want)
{
	see(&call_mlock, ARGS(at, len), TOLD("mlock", at, len, "0"), want);
}

/* Only on fault: what a program has mapped may be more than the machine should lock. */
static void see_future(bool onfault, struct want want)
{
	see(&call_mlockall, ARGS(MCL_FUTURE | (onfault ? MCL_ONFAULT : 0)),
	    TOLD("mlockall", 0, 0, onfault ? "FUTURE|ONFAULT" : "FUTURE"), want);
}

static uintptr_t locked_area(unsigned long pages)
{
	uintptr_t at = area(pages);

	see_mlock(at, pages * PG, WANT(.delta_kb = pages * PG_KB));
	return at;
}

static int segment(unsigned long pages, int mode)
{
	int id = shmget(IPC_PRIVATE, pages * PG, IPC_CREAT | mode);

	must(id >= 0);
	return id;
}

static void remove_segment(int id)
{
	must(!shmctl(id, IPC_RMID, NULL));
}

/* ---- cases: mmap and munmap ----------------------------------------------------------- */

static void map_locked(void)
{
	uintptr_t at = piece(64, PG), p;

	p = see_mmap(at, 4 * PG, RW, ANON | MAP_LOCKED, -1, WANT(.delta_kb = 16));
	see_munmap(p, 4 * PG, WANT(.delta_kb = -16));
	p = see_mmap(0, 4 * PG, RW, ANON | MAP_LOCKED | MAP_POPULATE, -1, WANT(.delta_kb = 16));
	see_mmap(p, 2 * PG, RW, ANON | MAP_FIXED, -1, WANT(.delta_kb = -8));
	see_mmap(p, 2 * PG, RW, ANON | MAP_FIXED | MAP_LOCKED, -1, WANT(.delta_kb = 8));
	see_munmap(p, 4 * PG, WANT(.delta_kb = -16));
	see_munmap(p, 4 * PG, NO_RECORD);
}

static void map_odd_length(void)
{
	uintptr_t p = see_mmap(0, 2 * PG + 1, RW, ANON | MAP_LOCKED, -1, WANT(.delta_kb = 12));

	see_munmap(p, 2 * PG + 1, WANT(.delta_kb = -12));
}

static void map_none(void)
{
	uintptr_t p = see_mmap(0, 4 * PG, PROT_NONE, ANON | MAP_LOCKED, -1, WANT(.delta_kb = 16));

	see_munmap(p, PG, WANT(.delta_kb = -4));
}

static void map_over_locked(void)
{
	uintptr_t p = locked_area(4);

	see_mmap(p, 4 * PG, RW, ANON | MAP_FIXED | MAP_LOCKED, -1, WANT(0));
	see_munmap(p, 4 * PG, WANT(.delta_kb = -16));
}

static void map_over_limit(void)
{
	struct want want = WANT(.error = EAGAIN, .why = "limit", .short_kb = 8);

	limit_pages(2);
	become_somebody();
	see_mmap(0, 2 * PG, RW, ANON | MAP_LOCKED, -1, WANT(.delta_kb = 8));
	see_mmap(0, 2 * PG, RW, ANON | MAP_LOCKED, -1, want);
	see_mmap(0, 3 * PG, RW, ANON | MAP_LOCKED, -1,
		 WANT(.error = EAGAIN, .why = "limit", .short_kb = 12));
}

static void map_no_permission(void)
{
	limit_pages(0);
	become_somebody();
	see_mmap(0, PG, RW, ANON | MAP_LOCKED, -1, WANT(.error = EPERM, .why = "perm"));
	see_mmap(0, PG, RW, ANON, -1, NO_RECORD);
}

static void map_bad_file(void)
{
	see_mmap(0, PG, RW, MAP_PRIVATE | MAP_LOCKED, 99, WANT(.error = EBADF, .why = "other"));
	see_mmap(0, PG, RW, MAP_PRIVATE, 99, WANT(.error = EBADF, .no_record = true));
}

static void map_future(void)
{
	uintptr_t p;

	see_future(false, WANT(0));
	p = see_mmap(0, 4 * PG, RW, ANON, -1, WANT(.delta_kb = 16));
	see_munmap(p + PG, 2 * PG, WANT(.delta_kb = -8));
	see_munmap(p, 4 * PG, WANT(.delta_kb = -8));
	see(&call_munlockall, ARGS(0), TOLD("munlockall", 0, 0, "0"), WANT(0));
	see_mmap(0, 4 * PG, RW, ANON, -1, NO_RECORD);
}

static void map_future_onfault(void)
{
	see_future(true, WANT(.onfault = true));
	see_mmap(0, 4 * PG, RW, ANON, -1, WANT(.delta_kb = 16, .onfault = true));
}

static void map_future_over(void)
{
	limit_pages(3);
	become_somebody();
	see_future(false, WANT(0));
	see_mmap(0, 2 * PG, RW, ANON, -1, WANT(.delta_kb = 8));
	see_mmap(0, 4 * PG, RW, ANON, -1, WANT(.error = EAGAIN, .why = "limit", .short_kb = 12));
	see_mmap(0, PG, RW, ANON, -1, WANT(.delta_kb = 4));
}

static void map_huge(void)
{
	static const char pool[] = "/proc/sys/vm/nr_hugepages";
	long pages = read_number(pool);
	uintptr_t p;

	if (pages < 0 || write_number(pool, pages + 2))
		skip("no huge pages in this kernel");
	if (read_number(pool) < pages + 2) {
		write_number(pool, pages);
		skip("the machine has no huge pages left");
	}
	p = see_mmap(piece(HUGE / PG, HUGE), HUGE, RW, ANON | MAP_HUGETLB | MAP_LOCKED, -1,
		     WANT(.why = "unlockable"));
	see_munmap(p, HUGE, NO_RECORD);
	write_number(pool, pages);
}

static void unmap_several(void)
{
	uintptr_t p = area(20);

	see_mlock(p, 4 * PG, WANT(.delta_kb = 16));
	see_mlock(p + 8 * PG, 4 * PG, WANT(.delta_kb = 16));
	see_munmap(p + 2 * PG, PG, WANT(.delta_kb = -4));
	see_munmap(p + 5 * PG, 2 * PG, NO_RECORD);
	/* Parts of both, and what lies between. */
	see_munmap(p + PG, 9 * PG, WANT(.delta_kb = -16));
	see_munmap(p + 1, PG, WANT(.error = EINVAL, .no_record = true));
	see_munmap(p, 20 * PG, WANT(.delta_kb = -12));
}

/* ---- cases: mremap -------------------------------------------------------------------- */

static void remap_size(void)
{
	uintptr_t p = locked_area(4);

	p = see_mremap(p, 4 * PG, 8 * PG, MREMAP_MAYMOVE, 0, WANT(.delta_kb = 16));
	p = see_mremap(p, 8 * PG, 3 * PG, 0, 0, WANT(.delta_kb = -20));
	see_munmap(p, 3 * PG, WANT(.delta_kb = -12));
}

static void remap_unlocked(void)
{
	uintptr_t p = area(4);

	p = see_mremap(p, 4 * PG, 8 * PG, MREMAP_MAYMOVE, 0, NO_RECORD);
	p = see_mremap(p, 8 * PG, 2 * PG, 0, 0, NO_RECORD);
	/* What lay there was locked. */
	see_mremap(p, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, locked_area(2),
		   WANT(.delta_kb = -8));
}

static void remap_fixed(void)
{
	uintptr_t p = locked_area(4), to = locked_area(6);

	see_mremap(p, 4 * PG, 6 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to, WANT(.delta_kb = -16));
	see_munmap(to, 6 * PG, WANT(.delta_kb = -24));
}

static void remap_over_limit(void)
{
	uintptr_t p;

	limit_pages(4);
	become_somebody();
	p = locked_area(4);
	see_mremap(p, 4 * PG, 8 * PG, MREMAP_MAYMOVE, 0,
		   WANT(.error = EAGAIN, .why = "limit", .short_kb = 16));
	see_mremap(p, 4 * PG, 2 * PG, MREMAP_MAYMOVE, 0, WANT(.delta_kb = -8));
}

/* ---- cases: brk ----------------------------------------------------------------------- */

static uintptr_t heap_end(void)
{
	if (int80)
		skip("the heap of a 64-bit program is out of reach of 32-bit calls");
	return ((uintptr_t)sbrk(0) + PG - 1) & -PG;
}

static void brk_future(void)
{
	uintptr_t end = heap_end();

	see_brk(end, NO_RECORD);
	see_brk(end + 4 * PG, NO_RECORD);
	see_brk(end, NO_RECORD);
	see_future(false, WANT(0));
	see_brk(end + 4 * PG, WANT(.delta_kb = 16));
	see_brk(end + PG, WANT(.delta_kb = -12));
}

static void brk_over_limit(void)
{
	uintptr_t end = heap_end();

	see_brk(end, NO_RECORD);
	limit_pages(4);
	become_somebody();
	see_future(false, WANT(0));
	see_brk(end + 3 * PG, WANT(.delta_kb = 12));
	see_brk(end + 6 * PG, WANT(.error = ENOMEM, .why = "limit", .short_kb = 8));
}

/* ---- cases: shared memory ------------------------------------------------------------- */

static void shm_lock(void)
{
	int id = segment(4, 0600);

	see_shmctl(id, SHM_LOCK, WANT(0));
	see_shmctl(id, SHM_UNLOCK, WANT(0));
	remove_segment(id);
}

static void shm_of_others(void)
{
	int id = segment(4, 0666), pid, child_status;

	pid = fork();
	must(pid >= 0);
	if (!pid) {
		become_somebody();
		see_shmctl(id, SHM_LOCK, WANT(.error = EPERM, .why = "perm", .likely = true));
		_exit(0);
	}
	must(waitpid(pid, &child_status, 0) == pid && !child_status);
	remove_segment(id);
}

static void shm_over_limit(void)
{
	int id;

	limit_pages(2);
	become_somebody();
	id = segment(4, 0600);
	see_shmctl(id, SHM_LOCK, WANT(.error = ENOMEM, .why = "limit"));
	remove_segment(id);
	limit_pages(0);
	id = segment(1, 0600);
	see_shmctl(id, SHM_LOCK, WANT(.error = EPERM, .why = "perm"));
	remove_segment(id);
}

static void shm_bad_id(void)
{
	see_shmctl(0x7ffffff0, SHM_LOCK, WANT(.error = EINVAL, .why = "other"));
}

static void shm_future(void)
{
	int id = segment(4, 0600);
	uintptr_t p, to = piece(4, PG);

	p = see_shmat(id, 0, 0, "0", NO_RECORD);
	see_shmdt(p, NO_RECORD);
	see_future(false, WANT(0));
	p = see_shmat(id, 0, SHM_RDONLY, "RDONLY", WANT(.delta_kb = 16));
	see_shmdt(p, WANT(.delta_kb = -16));
	see_shmat(id, to + 8, SHM_RND, "RND", WANT(.delta_kb = 16));
	see_shmat(id, to, SHM_REMAP, "REMAP", WANT(0));
	see_shmdt(to, WANT(.delta_kb = -16));
	remove_segment(id);
}

static void shm_over_future(void)
{
	int id;

	limit_pages(3);
	become_somebody();
	id = segment(4, 0600);
	see_future(false, WANT(0));
	see_shmat(id, 0, 0, "0", WANT(.error = EAGAIN, .why = "limit", .likely = true));
	remove_segment(id);
}

/* ---- cases: no call of their own ------------------------------------------------------ */

/* Touch memory by a call, which fails where a program would die. */
static bool touch(uintptr_t at)
{
	static int zero;

	if (!zero)
		zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return read(zero, (void *)at, 1) == 1;
}

static void stack_grows(void)
{
	uintptr_t p = piece(1024, PG) + 1000 * PG;
	struct told told = *TOLD("stack", p - 3 * PG, 3 * PG, "0");
	bool was_narrow = narrow;
	long before;

	see_mmap(p, PG, RW, ANON | MAP_FIXED | MAP_GROWSDOWN | MAP_LOCKED, -1,
		 WANT(.delta_kb = 4));
	before = locked_kb(0);
	must(touch(p - 3 * PG));
	if (locked_kb(0) != before + 12)
		fail("the stack grew by %ld", locked_kb(0) - before);
	narrow = false;		/* no call, so no way of entering */
	say_seen(&told, 0, before, locked_kb(0), &WANT(0));
	narrow = was_narrow;
	see_munmap(p - 3 * PG, 4 * PG, WANT(.delta_kb = -16));
}

static void program_named(char *name, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", name, size - 1);

	must(len > 0);
	name[len] = '\0';
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static void exec_gives_back(void)
{
	struct told told = *TOLD("exec", 0, 0, "0");
	static char path[4096];
	long before;

	program_named(path, sizeof(path));
	must(!prctl(PR_SET_NAME, base_name(path)));
	self.comm = base_name(path);
	locked_area(4);
	before = locked_kb(0);
	narrow = false;
	say_seen(&told, 0, before, 0, &WANT(0));
	execl(path, base_name(path), int80 ? "--executed80" : "--executed", NULL);
	fail("exec: %s", strerror(errno));
}

/* After exec, in the new program. */
static void executed(void)
{
	static char path[4096];

	program_named(path, sizeof(path));
	self.comm = base_name(path);
	locked_area(2);
}

/* A call that nobody watches, and that locks. */
static void unseen(void)
{
	struct told told = *TOLD("other", 0, 0, "0");
	uintptr_t p = piece(4, PG);
	long before;

	map_at(p, 4, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
	see_future(false, WANT(0));
	before = locked_kb(0);
	if (syscall(SYS_remap_file_pages, p, 2 * PG, 0, 0, 0))
		skip("no remap_file_pages in this kernel");
	if (locked_kb(0) != before + 8)
		fail("remap_file_pages changed VmLck by %ld kB", locked_kb(0) - before);
	narrow = false;		/* it is no call, and has no way in */
	say_seen(&told, 0, before, locked_kb(0), &WANT(0));
	narrow = sizeof(long) == 4 || int80;
	see_munmap(p + 2 * PG, PG, NO_RECORD);
	see_munmap(p, PG, WANT(.delta_kb = -4));
}

/* ---- cases: other ways in ------------------------------------------------------------- */

/* The 32-bit calls that take their arguments in memory, or by number. */
static const struct entry
	call_old_mmap	= { -1, 90 },
	call_ipc	= { -1, 117 };

/* Arm has neither for the programs of today. */
static bool is_ia32(void)
{
#ifdef __arm__
	return false;
#else
	return narrow;
#endif
}

static uint32_t *low_memory(void)
{
	return (uint32_t *)area(1);
}

static void old_mmap(void)
{
	uint32_t *arg;
	uintptr_t at;

	if (!is_ia32())
		skip("for 32-bit callers of x86 only");
	arg = low_memory();
	at = piece(4, PG);
	arg[0] = at;
	arg[1] = 4 * PG;
	arg[2] = RW;
	arg[3] = ANON | MAP_LOCKED;
	arg[4] = -1;
	arg[5] = 0;
	see(&call_old_mmap, ARGS((uintptr_t)arg),
	    TOLD("mmap", at, 4 * PG, map_flags(ANON | MAP_LOCKED)), WANT(.delta_kb = 16));
	see_munmap(at, 4 * PG, WANT(.delta_kb = -16));
}

/* The page of the arguments is there, but before the call nobody has touched it. */
static void old_mmap_late(void)
{
	uint32_t arg[6] = { 0, 4 * PG, RW, ANON | MAP_LOCKED, -1, 0 };
	uintptr_t at;
	void *page;
	int fd;

	if (!is_ia32())
		skip("for 32-bit callers of x86 only");
	page = low_memory();
	at = piece(4, PG);
	arg[0] = at;
	fd = memfd_create("arguments", 0);
	must(fd != -1 && write(fd, arg, sizeof(arg)) == sizeof(arg));
	must(mmap(page, PG, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == page);
	close(fd);
	see(&call_old_mmap, ARGS((uintptr_t)page),
	    TOLD("mmap", at, 4 * PG, map_flags(ANON | MAP_LOCKED)), WANT(.delta_kb = 16));
	see_munmap(at, 4 * PG, WANT(.delta_kb = -16));
	see(&call_old_mmap, ARGS(1), TOLD("mmap", 0, 0, "0"),
	    WANT(.error = EFAULT, .no_record = true));
}

static void ipc_number(void)
{
	uint32_t *where;
	int id;

	if (!is_ia32())
		skip("for 32-bit callers of x86 only");
	where = low_memory();
	id = segment(2, 0600);
	see(&call_ipc, ARGS(IPC_SHMCTL, id, SHM_LOCK), TOLD("shmctl", id, 0, "LOCK"), WANT(0));
	see(&call_ipc, ARGS(IPC_SHMCTL, id, SHM_UNLOCK), TOLD("shmctl", id, 0, "UNLOCK"), WANT(0));
	see_future(false, WANT(0));
	see(&call_ipc, ARGS(IPC_SHMAT, id, 0, (uintptr_t)where, 0), TOLD("shmat", 0, 0, "0"),
	    WANT(.delta_kb = 8));
	see(&call_ipc, ARGS(IPC_SHMDT, 0, 0, 0, *where), TOLD("shmdt", *where, 0, "0"),
	    WANT(.delta_kb = -8));
	remove_segment(id);
}

/* ---- nothing to be seen --------------------------------------------------------------- */

static void lock_nothing(int rounds)
{
	uintptr_t end = (uintptr_t)sbrk(0);
	int id = segment(2, 0600);
	char *p, *q;

	while (rounds--) {
		p = mmap(NULL, 4 * PG, RW, ANON, -1, 0);
		must(p != MAP_FAILED);
		p = mremap(p, 4 * PG, 6 * PG, MREMAP_MAYMOVE);
		must(p != MAP_FAILED);
		must(!munmap(p + PG, PG) && !munmap(p, 6 * PG));
		must(syscall(SYS_brk, end + PG) == (long)(end + PG));
		must(syscall(SYS_brk, end) == (long)end);
		q = shmat(id, NULL, 0);
		must(q != (void *)-1);
		must(!shmdt(q));
		must(munmap((void *)1, PG) && mmap(NULL, 0, RW, ANON, -1, 0) == MAP_FAILED);
		must(shmctl(id, 99, NULL) == -1);
	}
	remove_segment(id);
}

/* ---- seen inside the kernel ----------------------------------------------------------- */

/* Grow locked memory into pages that are waited for: mremap is inside until killed. */
static void stay_inside(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	uintptr_t p = piece(16, PG);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	must(fd >= 0 && !ioctl(fd, UFFDIO_API, &api));
	map_at(p, 2, RW, ANON, -1);
	memset((void *)p, 1, 2 * PG);
	must(!mlock((void *)p, 2 * PG));
	reg.range.start = p;
	reg.range.len = 2 * PG;
	must(!ioctl(fd, UFFDIO_REGISTER, &reg));
	say("inside", "%d 0x%lx", getpid(), (long)p);
	mremap((void *)p, 2 * PG, 8 * PG, 0);
	fail("mremap came back");
}

/* Map much, again and again: most of the time is spent inside mmap. */
static void map_much(void)
{
	say("inside", "%d", getpid());
	for (;;) {
		void *p = mmap((void *)ARENA, MUCH, RW, ANON | MAP_LOCKED | MAP_FIXED, -1, 0);

		must(p != MAP_FAILED);
		must(!munmap(p, MUCH));
	}
}

/* ---- run ------------------------------------------------------------------------------ */

static const struct see_case cases[] = {
	{ "map_locked",		map_locked },
	{ "map_odd_length",	map_odd_length },
	{ "map_none",		map_none },
	{ "map_over_locked",	map_over_locked },
	{ "map_over_limit",	map_over_limit },
	{ "map_no_perm",	map_no_permission },
	{ "map_bad_file",	map_bad_file },
	{ "map_future",		map_future },
	{ "map_onfault",	map_future_onfault },
	{ "map_future_over",	map_future_over },
	{ "map_huge",		map_huge },
	{ "unmap_several",	unmap_several },
	{ "remap_size",		remap_size },
	{ "remap_unlocked",	remap_unlocked },
	{ "remap_fixed",	remap_fixed },
	{ "remap_over",		remap_over_limit },
	{ "brk_future",		brk_future },
	{ "brk_over_limit",	brk_over_limit },
	{ "shm_lock",		shm_lock },
	{ "shm_of_others",	shm_of_others },
	{ "shm_over_limit",	shm_over_limit },
	{ "shm_bad_id",		shm_bad_id },
	{ "shm_future",		shm_future },
	{ "shm_over_future",	shm_over_future },
	{ "stack_grows",	stack_grows },
	{ "exec",		exec_gives_back },
	{ "unseen",		unseen },
	{ "old_mmap",		old_mmap },
	{ "old_mmap_late",	old_mmap_late },
	{ "ipc_number",		ipc_number },
};

#define NR_CASES	(sizeof(cases) / sizeof(cases[0]))

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "--executed") || !strcmp(what, "--executed80")) {
		int80 = !strcmp(what, "--executed80");
		narrow |= int80;
		executed();
		return 0;
	}
	if (!strcmp(what, "--silent")) {
		lock_nothing(1000);
		return 0;
	}
	if (!strcmp(what, "--held"))
		stay_inside();
	if (!strcmp(what, "--much"))
		map_much();
	return run_cases(cases, NR_CASES, argc, argv);
}

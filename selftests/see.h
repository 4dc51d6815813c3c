/* SPDX-License-Identifier: GPL-2.0 */
/*
 * see.h: for programs that provoke something and say what must be seen of it.
 *
 * A program has cases, each in a process of its own. What it prints is for judge of
 * witness.sh:
 *
 *	case NAME
 *	see call=… …	a line of /dev/mlock2mon, without seq, ts, cpu and dur_ns
 *	skip REASON	if this kernel cannot show it
 *	fail REASON	if something did not do what the case says it does
 */
#ifndef SEE_H
#define SEE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PG		4096UL
#define PG_KB		4L
#define HUGE		(2UL << 20)
/* Far from everything a loader maps, and within reach of 32-bit calls. */
#define ARENA		0x40000000UL
#define SOMEBODY	1000
#define TIMEOUT_S	30

#if __SIZEOF_LONG__ == 4
#define ABI		"m32"
#elif defined(__aarch64__)
#define ABI		"arm64"
#else
#define ABI		"x64"
#endif

static struct {
	int pid;		/* in the initial pid namespace, 0: ask */
	unsigned int uid;	/* in the initial user namespace */
	bool inner_userns;
	const char *comm;	/* as the device escapes it */
} self;

static bool narrow = sizeof(long) == 4;	/* calls enter as 32-bit ones */
static bool int80;

/* ---- talk ----------------------------------------------------------------------------- */

/* Neither stdio nor malloc: both may map memory between two looks at VmLck. */
__attribute__((format(printf, 2, 3)))
static inline void say(const char *what, const char *format, ...)
{
	char line[1024];
	size_t len = snprintf(line, sizeof(line), "%s ", what);
	va_list args;

	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDOUT_FILENO, line, len) != (ssize_t)len)
		_exit(2);
}

#define fail(...)	say("fail", __VA_ARGS__)

#define skip(...)	do { say("skip", __VA_ARGS__); _exit(0); } while (0)

/* A step that a case needs and that is not its subject. */
#define must(what)	do {							\
		errno = 0;							\
		if (!(what)) {							\
			fail("%s: %s", #what, strerror(errno));			\
			_exit(1);						\
		}								\
	} while (0)

/* ---- what the kernel says of a process ------------------------------------------------ */

static inline int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return -1;
	text[len] = '\0';
	return len;
}

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = write(fd, text, strlen(text));
	close(fd);
	return len == (ssize_t)strlen(text) ? 0 : -1;
}

static inline long read_number(const char *path)
{
	char text[64];

	return read_text(path, text, sizeof(text)) < 0 ? -1 : atol(text);
}

static inline int write_number(const char *path, long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", number);
	return write_text(path, text);
}

static inline uint64_t status(int pid, const char *key, int base)
{
	char path[64] = "/proc/self/status";
	char text[8192];
	char *at;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
	must(read_text(path, text, sizeof(text)) > 0);
	at = strstr(text, key);
	must(at);
	return strtoull(at + strlen(key), NULL, base);
}

static inline long locked_kb(int pid)
{
	return status(pid, "\nVmLck:", 10);
}

static bool ipc_lock(void)
{
	return status(0, "\nCapEff:", 16) & (1ULL << CAP_IPC_LOCK);
}

static inline uint64_t cgroup_id(void)
{
	static const char root[] = "/sys/fs/cgroup";
	char text[4096], path[sizeof(text) + sizeof(root)];
	struct stat st;
	char *at;

	must(read_text("/proc/self/cgroup", text, sizeof(text)) > 0);
	at = strstr(text, "0::");
	must(at);
	at[strcspn(at, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s%s", root, at + 3);
	return stat(path, &st) ? 0 : st.st_ino;
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static inline void format_limit(char *text, size_t size)
{
	struct rlimit64 limit;

	must(!getrlimit64(RLIMIT_MEMLOCK, &limit));
	if (limit.rlim_cur == RLIM64_INFINITY)
		snprintf(text, size, "unlimited");
	else
		snprintf(text, size, "%llu", (unsigned long long)limit.rlim_cur >> 10);
}

static inline const char *error_name(long ret)
{
	switch (-ret) {
	case 0: return "0";
	case EPERM: return "EPERM";
	case ENOMEM: return "ENOMEM";
	case EAGAIN: return "EAGAIN";
	case EINTR: return "EINTR";
	case EINVAL: return "EINVAL";
	default: return "?";
	}
}

static inline size_t append(char *text, size_t len, size_t size, const char *key, long value)
{
	return len + snprintf(text + len, size - len, " %s=%ld", key, value);
}

/* ---- who calls, and on what ----------------------------------------------------------- */

static inline void limit_bytes(uint64_t bytes)
{
	struct rlimit64 limit = { bytes, RLIM64_INFINITY };

	if (!setrlimit64(RLIMIT_MEMLOCK, &limit))
		return;
	/* Who may not raise the hard limit keeps it. */
	must(!getrlimit64(RLIMIT_MEMLOCK, &limit));
	limit.rlim_cur = bytes;
	must(!setrlimit64(RLIMIT_MEMLOCK, &limit));
}

static inline void limit_pages(unsigned long pages)
{
	limit_bytes(pages * PG);
}

/* An ordinary user: no capabilities. Such a process may still read its own /proc files. */
static inline void become_somebody(void)
{
	must(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY));
	must(!setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	must(!prctl(PR_SET_DUMPABLE, 1));
	self.uid = SOMEBODY;
}

static inline void set_ipc_lock(bool effective)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	uint32_t bit = 1u << CAP_IPC_LOCK;

	must(!syscall(SYS_capget, &header, data));
	data[0].effective = effective ? data[0].effective | bit : data[0].effective & ~bit;
	must(!syscall(SYS_capset, &header, data));
}

static inline void enter_userns(void)
{
	char map[64];
	unsigned int uid = geteuid();

	must(!unshare(CLONE_NEWUSER));
	snprintf(map, sizeof(map), "0 %u 1", uid);
	must(!write_text("/proc/self/uid_map", map));
	self.inner_userns = true;
}

/* Nothing is mapped between two pieces of the arena. */
static uintptr_t arena = ARENA;

static inline uintptr_t piece(unsigned long pages, unsigned long align)
{
	uintptr_t at = (arena + 64 * PG + align - 1) & ~(align - 1);

	arena = at + pages * PG;
	return at;
}

static inline void map_at(uintptr_t at, unsigned long pages, int prot, int flags, int fd)
{
	void *want = (void *)at;

	must(mmap(want, pages * PG, prot, flags | MAP_FIXED_NOREPLACE, fd, 0) == want);
}

static inline uintptr_t area_prot(unsigned long pages, int prot)
{
	uintptr_t at = piece(pages, PG);

	map_at(at, pages, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return at;
}

static inline uintptr_t area(unsigned long pages)
{
	return area_prot(pages, PROT_READ | PROT_WRITE);
}

static inline uintptr_t area_holed(unsigned long pages, unsigned long hole,
				   unsigned long hole_pages)
{
	uintptr_t at = area(pages);

	must(!munmap((void *)(at + hole * PG), hole_pages * PG));
	return at;
}

/* ---- cases ---------------------------------------------------------------------------- */

struct see_case {
	const char *name;	/* as long as a comm at most */
	void (*run)(void);
};

/* A stack that grows while it is locked would be mistaken for the call's doing. */
static inline void grow_stack(void)
{
	volatile char room[256 << 10];
	size_t i;

	for (i = 0; i < sizeof(room); i += PG)
		room[i] = 1;
}

/* The name of a case has the way it enters the kernel before it. */
static inline void run_case(const struct see_case *one)
{
	int pid, child_status;

	say("case", "%s/%s", int80 ? "int80" : ABI, one->name);
	pid = fork();
	if (pid < 0) {
		fail("fork: %s", strerror(errno));
		return;
	}
	if (!pid) {
		alarm(TIMEOUT_S);
		prctl(PR_SET_NAME, one->name);
		self.comm = one->name;
		grow_stack();
		one->run();
		_exit(0);
	}
	if (waitpid(pid, &child_status, 0) != pid || child_status)
		fail("the case died: 0x%x", child_status);
}

static inline bool chosen(const struct see_case *one, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(*names, one->name))
			return true;
	}
	return false;
}

/* PROGRAM [--int80] [CASE ...] | PROGRAM --list */
static inline int run_cases(const struct see_case *cases, size_t nr, int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	size_t i;

	int80 = argc > 1 && !strcmp(argv[1], "--int80");
	if (int80 && narrow) {
		fprintf(stderr, "%s: int 0x80 is for the 64-bit program\n", argv[0]);
		return 2;
	}
	narrow |= int80;
	argv += 1 + (list || int80);
	for (i = 0; i < nr; i++) {
		if (list)
			puts(cases[i].name);
		else if (chosen(&cases[i], argv))
			run_case(&cases[i]);
	}
	return 0;
}

#endif /* SEE_H */

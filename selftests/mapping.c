// SPDX-License-Identifier: GPL-2.0
/* build: m32 */
/*
 * mapping: /dev/mlock2mon as memory, as one user of it sees it.
 *
 * To be run when the module was loaded with ring_records=64 and nobody else calls.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "opened.h"
#include "promise.h"

#define PAGE		4096UL
#define RING		64
#define NOBODY		65534
#define READABLE	(POLLIN | POLLRDNORM)

typedef unsigned long long u64;

static void *page;
static size_t size;
static sigjmp_buf fault;

static void calls(int n)
{
	while (n--)
		need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
}

static int open_binary(void)
{
	int fd = open_device(O_NONBLOCK);
	__u32 binary = MLOCK2MON_FORMAT_BINARY;

	need(!ioctl(fd, MLOCK2MON_IOC_FORMAT, &binary), "set the format");
	return fd;
}

static struct mlock2mon_info info_of(int fd)
{
	struct mlock2mon_info info;

	need(!ioctl(fd, MLOCK2MON_IOC_INFO, &info), "ask for the info");
	return info;
}

static void *map(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	need(p != MAP_FAILED, "map " MLOCK2MON_DEVICE);
	return p;
}

static long try_map(int fd, size_t bytes, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, bytes);
	return 0;
}

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

/* The signal that a store gives, or 0. */
static int store(void *where)
{
	int sig = sigsetjmp(fault, 1);

	if (!sig)
		*(volatile char *)where = 1;
	return sig;
}

static int load(void *where)
{
	int sig = sigsetjmp(fault, 1);

	if (!sig)
		(void)*(volatile char *)where;
	return sig;
}

/* The record of number @n as mlock2mon.h says it is to be read; false if it is lost. */
static bool get(const struct mlock2mon_header *header, u64 n, struct mlock2mon_record *rec)
{
	const char *slots = (const char *)header + header->data_offset;
	const struct mlock2mon_record *slot =
		(const void *)(slots + n % header->records * header->record_size);
	u64 seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);

	if ((seq & ~MLOCK2MON_SEQ_LAPPED) != n)
		return false;
	memcpy(rec, slot, sizeof(*rec));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	rec->seq = n;
	return __atomic_load_n(&slot->seq, __ATOMIC_RELAXED) == seq;
}

static void test_refused(int fd)
{
	int error;

	promise(fails(try_map(fd, PAGE, PROT_READ, MAP_SHARED, PAGE), EINVAL) &&
		fails(try_map(fd, PAGE, PROT_READ, MAP_SHARED, size), EINVAL),
		"map: an offset is EINVAL");
	promise(fails(try_map(fd, size + PAGE, PROT_READ, MAP_SHARED, 0), EINVAL) &&
		fails(try_map(fd, 1UL << 30, PROT_READ, MAP_SHARED, 0), EINVAL),
		"map: more than there is gives EINVAL");
	promise(!try_map(fd, size, PROT_READ, MAP_SHARED, 0) &&
		!try_map(fd, PAGE, PROT_READ, MAP_SHARED, 0) &&
		!try_map(fd, size, PROT_READ, MAP_SHARED | MAP_POPULATE, 0),
		"map: all of it, or less, can be had");
	promise(fails(try_map(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EACCES) &&
		fails(try_map(fd, size, PROT_WRITE, MAP_SHARED, 0), EACCES),
		"map: to write is EACCES");
	promise(fails(try_map(fd, size, PROT_READ, MAP_PRIVATE, 0), EINVAL) &&
		fails(try_map(fd, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0), EINVAL),
		"map: private is EINVAL");
	/* EPERM: devices are mounted noexec. */
	error = try_map(fd, size, PROT_READ | PROT_EXEC, MAP_SHARED, 0) ? errno : 0;
	promise(error == EACCES || error == EPERM, "map: to execute is EACCES or EPERM");
}

static bool forced_by_tracer(void *p)
{
	struct iovec local = { page, 1 }, remote = { p, 1 };
	int status;
	bool refused;
	pid_t pid;

	/* A child that has mapped it itself, since it cannot inherit it. */
	pid = fork();
	need(pid != -1, "fork");
	if (!pid) {
		munmap(p, size);
		if (mmap(p, size, PROT_READ, MAP_SHARED | MAP_FIXED, open_binary(), 0) != p)
			_exit(1);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	need(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "stop a child");
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, p, NULL);
	refused = equal(errno, 0);
	refused = refused && fails(ptrace(PTRACE_POKEDATA, pid, p, NULL), EIO) &&
		  fails(process_vm_writev(pid, &local, 1, &remote, 1, 0), EFAULT);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return refused;
}

static void test_read_only(int fd)
{
	int mem = open("/proc/self/mem", O_RDWR), zero = open("/dev/zero", O_RDONLY);
	char *p = map(fd, size);
	char byte = 1;

	need(mem != -1 && zero != -1, "open /proc/self/mem");
	promise(equal(store(p), SIGSEGV) && equal(store(p + size - 1), SIGSEGV),
		"read-only: a store is SIGSEGV");
	promise(fails(mprotect(p, size, PROT_READ | PROT_WRITE), EACCES) &&
		fails(mprotect(p + PAGE, PAGE, PROT_WRITE), EACCES) &&
		fails(mprotect(p, size, PROT_READ | PROT_EXEC), EACCES),
		"read-only: mprotect to write or execute is EACCES");
	promise(fails(pwrite(mem, &byte, 1, (uintptr_t)p), EIO) &&
		fails(pwrite(mem, &byte, 1, (uintptr_t)p + PAGE), EIO),
		"read-only: a write by /proc/self/mem is EIO");
	promise(forced_by_tracer(p), "read-only: a tracer can read it, and not write");
	promise(fails(read(zero, p, 1), EFAULT), "read-only: no buffer for a read");
	promise(fails((long)mremap(p, size, size + PAGE, MREMAP_MAYMOVE), EFAULT) &&
		fails((long)mremap(p, 0, size, MREMAP_MAYMOVE), EFAULT),
		"read-only: mremap cannot enlarge or double it");
	promise(fails(syscall(SYS_remap_file_pages, p, PAGE, 0, 1, 0), EINVAL),
		"read-only: remap_file_pages is EINVAL");
	p = mremap(p, size, 2 * PAGE, 0);
	need(p != MAP_FAILED, "shrink it");
	p = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page);
	need(p == page, "move it");
	promise(equal(store(p), SIGSEGV) && equal(load(p + PAGE), 0) &&
		fails(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES),
		"read-only: shrunk and moved it stays so");
	p = mmap(p, 2 * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	need(p == page, "take the place back");
	close(mem);
	close(zero);
}

/* What the kernel says of the mapping at @p; a blank before and after each flag. */
static bool has_flags(const void *p, const char *want, const char *unwanted)
{
	char line[512], start[32], flag[8];
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool ours = false, right = false;
	int i;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)p);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (strstr(line, start))
			ours = true;
		if (!ours || strncmp(line, "VmFlags:", 8))
			continue;
		right = true;
		for (i = 0; want[i]; i += 2) {
			snprintf(flag, sizeof(flag), " %.2s ", want + i);
			right = right && strstr(line, flag);
		}
		for (i = 0; unwanted[i]; i += 2) {
			snprintf(flag, sizeof(flag), " %.2s ", unwanted + i);
			right = right && !strstr(line, flag);
		}
		if (!right)
			note("%.*s", (int)strcspn(line, "\n"), line);
		break;
	}
	fclose(smaps);
	return right;
}

static void test_children(int fd)
{
	char *p = map(fd, size);
	int status;
	pid_t pid;

	promise(has_flags(p, "rdmrdcdedd", "wrmwexmesh"),
		"kernel: readable, and nothing more; not copied, enlarged or dumped");
	need(!load(p), "read it");
	pid = fork();
	if (!pid)
		_exit(load(p) != SIGSEGV || load(p + PAGE) != SIGSEGV);
	promise(waitpid(pid, &status, 0) == pid && equal(status, 0), "fork: a child has it not");
	promise(equal(load(p), 0), "fork: the parent still has it");
	munmap(p, size);
}

static void test_unprivileged(int fd)
{
	char path[64];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	pid = fork();
	if (!pid) {
		close(fd);
		need(!setresgid(NOBODY, NOBODY, NOBODY) &&
		     !setresuid(NOBODY, NOBODY, NOBODY), "become nobody");
		_exit(open(MLOCK2MON_DEVICE, O_RDONLY) != -1 || errno != EACCES ||
		      open(path, O_RDONLY) != -1 || errno != EACCES);
	}
	promise(waitpid(pid, &status, 0) == pid && equal(status, 0),
		"nobody gets no file to map, nor that of another process");
}

static void test_header(int fd)
{
	const struct mlock2mon_header *header = map(fd, PAGE);
	struct mlock2mon_info info = info_of(fd);
	static const __u64 zero[11];
	u64 next = header->next;

	promise(equal(header->abi, info.abi) && equal(header->record_size, info.record_size) &&
		equal(header->records, info.records) && equal(header->load_id, info.load_id) &&
		equal(header->map_size, info.map_size) && equal(header->data_offset, PAGE) &&
		equal(header->next, info.next), "header: says what the info says");
	promise(!memcmp(header->reserved, zero, sizeof(zero)), "header: the rest is 0");
	calls(3);
	promise(equal(__atomic_load_n(&header->next, __ATOMIC_ACQUIRE), next + 3),
		"header: next moves with each call");
	munmap((void *)header, PAGE);
}

/* All records kept, by read() and by the mapping. */
static bool both_ways(int fd, const struct mlock2mon_header *header)
{
	u64 n = lseek(fd, 0, SEEK_SET);
	struct mlock2mon_record by_read, by_map;
	bool same = true;
	u64 seen = 0;

	for (; read(fd, &by_read, sizeof(by_read)) > 0; n++, seen++)
		same = same && get(header, n, &by_map) &&
		       !memcmp(&by_read, &by_map, sizeof(by_map));
	return same && equal(n, header->next) && equal(seen, n <= RING ? n - 1 : RING);
}

static void test_records(int fd)
{
	const struct mlock2mon_header *header = map(fd, size);
	struct pollfd pfd = { .fd = fd, .events = READABLE };
	u64 first = header->next;
	struct mlock2mon_record rec;
	bool quiet;

	calls(RING / 2);
	promise(both_ways(fd, header), "records: the mapping has those that read() gives");
	calls(RING + 7);
	promise(both_ways(fd, header), "records: and when the ring went round");
	promise(!get(header, first, &rec) && !get(header, header->next, &rec),
		"records: those lost and those to come are not there");
	lseek(fd, header->next, SEEK_SET);
	quiet = !poll(&pfd, 1, 0);
	first = header->next;
	calls(1);
	promise(quiet && poll(&pfd, 1, 3000) == 1 && get(header, first, &rec) &&
		equal(rec.len, PAGE), "records: lseek and poll wait for the next one");
	munmap((void *)header, size);
}

static void test_pinned(int fd)
{
	const struct mlock2mon_header *header = map(fd, size);
	u64 next = header->next;
	struct mlock2mon_record rec;

	close(fd);
	promise(fails(syscall(SYS_delete_module, "mlock2mon", O_NONBLOCK), EWOULDBLOCK),
		"mapped, and the file closed: the module cannot be unloaded");
	calls(2);
	promise(equal(header->next, next + 2) && get(header, next + 1, &rec),
		"mapped, and the file closed: it still shows what comes");
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault };
	int fd = open_binary();

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "map memory");
	size = info_of(fd).map_size;
	test_refused(fd);
	test_header(fd);
	test_records(fd);
	test_read_only(fd);
	test_children(fd);
	test_unprivileged(fd);
	test_pinned(fd);
	return 0;
}

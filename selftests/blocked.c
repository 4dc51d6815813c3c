// SPDX-License-Identifier: GPL-2.0
/*
 * blocked: have seccomp turn calls away before their kernel functions.
 *
 *	blocked errno	mlock fails with EPERM, mlock2 with ENOSYS, mlockall is allowed
 *	blocked kill	mlock kills the process
 *	blocked jump	mlock ends in a handler of SIGSYS, which does not return; three times
 *	blocked none	nothing is turned away
 *	blocked never	nothing is turned away, again and again
 *
 * Each is called through the C library, by a task with one call before and one
 * after it that nobody blocks.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "promise.h"

#define PG	4096

static void turn_away(unsigned int mlock_action, unsigned int mlock2_action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mlock, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, mlock_action),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mlock2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, mlock2_action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renounce privileges");
	need(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "set a filter");
}

static sigjmp_buf out;

static void jump(int number)
{
	siglongjmp(out, number);
}

static void jump_out(char *page)
{
	volatile int i;

	signal(SIGSYS, jump);
	for (i = 0; i < 3; i++)
		if (!sigsetjmp(out, 1))
			mlock(page, 3 * PG);
}

int main(int argc, char **argv)
{
	char *page = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page != MAP_FAILED, "map a page");
	need(argc == 2, "do without an argument");
	mlock(page, PG);
	if (!strcmp(argv[1], "kill"))
		turn_away(SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	else if (!strcmp(argv[1], "jump"))
		turn_away(SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW);
	else if (!strcmp(argv[1], "errno"))
		turn_away(SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | ENOSYS);
	printf("%p\n", (void *)page);
	fflush(stdout);
	while (!strcmp(argv[1], "never"))
		mlock(page, PG);
	if (!strcmp(argv[1], "jump")) {
		jump_out(page);
		return 0;
	}
	mlock(page, 3 * PG);
	mlock2(page, 5 * PG, MLOCK_ONFAULT);
	munlock(page, PG);
	return 0;
}

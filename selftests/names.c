// SPDX-License-Identifier: GPL-2.0
/*
 * names: call with task names made to break out of a line.
 *
 * For each name a process takes it, locks a page, and is then held inside a
 * second mlock2 by userfaultfd, so that the name is in the device, in tasks and
 * in inflight. There it must read exactly as the table says.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "promise.h"

#define PAGE		4096UL
#define MAX_TEXT	(4 << 20)

struct name {
	const char	*what;
	const char	*comm;
	const char	*quoted;	/* on the device, between the quotes */
	const char	*bare;		/* in tasks and inflight */
};

#define FF5	"\xff\xff\xff\xff\xff"
#define FF5_TEXT "\\xff\\xff\\xff\\xff\\xff"

static const struct name names[] = {
	{ "with spaces", "a  b ", "a  b ", "a\\x20\\x20b\\x20" },
	{ "of one space", " ", " ", "\\x20" },
	{ "with a newline and a record", "x\nseq=1 ts=2.3", "x\\x0aseq=1 ts=2.3",
	  "x\\x0aseq=1\\x20ts=2.3" },
	{ "that ends in a newline", "end\n", "end\\x0a", "end\\x0a" },
	{ "with quotes", "\"quo\"ted\"", "\\\"quo\\\"ted\\\"", "\\\"quo\\\"ted\\\"" },
	{ "with backslashes", "back\\sla\\\\sh\\", "back\\\\sla\\\\\\\\sh\\\\",
	  "back\\\\sla\\\\\\\\sh\\\\" },
	{ "like an escaped byte", "\\x0a\\\"", "\\\\x0a\\\\\\\"", "\\\\x0a\\\\\\\"" },
	{ "with key=value", "a\" ret=0 cap=1", "a\\\" ret=0 cap=1", "a\\\"\\x20ret=0\\x20cap=1" },
	{ "like a loss", "lost=1 seq=1..1", "lost=1 seq=1..1", "lost=1\\x20seq=1..1" },
	{ "with terminal escapes", "\x1b[2J\x1b]0;\a", "\\x1b[2J\\x1b]0;\\x07",
	  "\\x1b[2J\\x1b]0;\\x07" },
	{ "with control bytes", "\x01\t\r\v\x1f\x7f", "\\x01\\x09\\x0d\\x0b\\x1f\\x7f",
	  "\\x01\\x09\\x0d\\x0b\\x1f\\x7f" },
	{ "with UTF-8", "caf\xc3\xa9", "caf\\xc3\\xa9", "caf\\xc3\\xa9" },
	{ "with broken UTF-8", "\xc3(\xa0\xed\xa0\x80\x80", "\\xc3(\\xa0\\xed\\xa0\\x80\\x80",
	  "\\xc3(\\xa0\\xed\\xa0\\x80\\x80" },
	{ "of 15 bytes of 0xff", FF5 FF5 FF5, FF5_TEXT FF5_TEXT FF5_TEXT,
	  FF5_TEXT FF5_TEXT FF5_TEXT },
	{ "with percent signs", "%s%n%p%08x", "%s%n%p%08x", "%s%n%p%08x" },
};

#define NR_NAMES	(sizeof(names) / sizeof(names[0]))

struct held {
	pid_t	pid;
	pid_t	tid;
	void	*page;
	void	*faulting;
};

static char text[MAX_TEXT];

static int make_faulting(void **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need(fd != -1, "use userfaultfd");
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(*page != MAP_FAILED, "map memory");
	need(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	reg.range.start = (unsigned long)*page;
	reg.range.len = PAGE;
	need(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	return fd;
}

static const struct name *own_name;
static struct held own;

static void *call(void *arg)
{
	own.tid = syscall(SYS_gettid);
	prctl(PR_SET_NAME, own_name->comm);
	need(!syscall(SYS_mlock2, own.page, PAGE, 1), "lock a page");
	syscall(SYS_mlock2, own.faulting, PAGE, 0);
	return arg;
}

static void child(const struct name *name, int out)
{
	struct uffd_msg msg;
	pthread_t thread;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own_name = name;
	own.pid = getpid();
	own.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(own.page != MAP_FAILED, "map memory");
	fd = make_faulting(&own.faulting);
	errno = pthread_create(&thread, NULL, call, NULL);
	need(!errno, "start a thread");
	need(read(fd, &msg, sizeof(msg)) == sizeof(msg), "read userfaultfd");
	need(write(out, &own, sizeof(own)) == sizeof(own), "tell the parent");
	pause();
	_exit(0);
}

static void slurp(const char *file)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK);
	size_t len = 0;
	ssize_t ret;

	need(fd != -1, file);
	while (len < MAX_TEXT - 1) {
		ret = read(fd, text + len, MAX_TEXT - 1 - len);
		if (!ret || (ret == -1 && errno == EAGAIN))
			break;
		need(ret > 0, file);
		len += ret;
	}
	text[len] = '\0';
	close(fd);
}

/* How many lines hold @mid, behind @start; -1 if any line starts unlike @start. */
static int count_lines(const char *start, const char *mid)
{
	char *save;
	char *line;
	int n = 0;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, start, strlen(start)))
			return -1;
		n += !!strstr(line, mid);
	}
	return n;
}

/* How many lines after the first begin with @start; -1 if one of them has other columns. */
static int count_rows(const char *start, int columns)
{
	char *save;
	char *line = strtok_r(text, "\n", &save);
	int found = 0;
	char *p;
	int n;

	while (line && (line = strtok_r(NULL, "\n", &save))) {
		for (p = line, n = 0; *p; n++) {
			p += strcspn(p, " ");
			p += strspn(p, " ");
		}
		if (n != columns)
			return -1;
		found += !strncmp(line, start, strlen(start));
	}
	return found;
}

/* Columns may be padded: compare rows with every run of blanks as one space. */
static void squeeze(void)
{
	char *to = text;
	char *p;

	for (p = text; *p; p++) {
		if ((*p == ' ' || *p == '\t') && (to == text || to[-1] == ' ' || to[-1] == '\n'))
			continue;
		*to++ = *p == '\t' ? ' ' : *p;
	}
	*to = '\0';
}

static void check(const struct name *name, const struct held *held)
{
	char want[256];

	slurp(MLOCK2MON_DEVICE);
	snprintf(want, sizeof(want),
		 " pid=%d tid=%d uid=0 comm=\"%s\" addr=%p len=%lu flags=ONFAULT ret=0 ",
		 held->pid, held->tid, name->quoted, held->page, PAGE);
	promise(count_lines("seq=", want) == 1, "device: a name %s stays in its quotes",
		name->what);

	slurp(MLOCK2MON_PROC "/tasks");
	squeeze();
	snprintf(want, sizeof(want), "%d %d 0 %s ", held->pid, held->tid, name->bare);
	promise(count_rows(want, 22) == 1, "tasks: a name %s stays in its column", name->what);

	slurp(MLOCK2MON_PROC "/inflight");
	squeeze();
	snprintf(want, sizeof(want), "%d %d 0 %s mlock2 %p %lu ", held->pid, held->tid,
		 name->bare, held->faulting, PAGE);
	promise(count_rows(want, 10) == 1, "inflight: a name %s stays in its column", name->what);
}

int main(void)
{
	struct held held[NR_NAMES];
	pid_t pid[NR_NAMES];
	int fd[2];
	size_t i;

	alarm(60);
	need(!pipe(fd), "make a pipe");
	for (i = 0; i < NR_NAMES; i++) {
		pid[i] = fork();
		need(pid[i] != -1, "fork");
		if (!pid[i])
			child(&names[i], fd[1]);
		need(read(fd[0], &held[i], sizeof(held[i])) == sizeof(held[i]), "hear of a child");
	}
	for (i = 0; i < NR_NAMES; i++)
		check(&names[i], &held[i]);
	for (i = 0; i < NR_NAMES; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	return 0;
}

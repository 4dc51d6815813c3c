// SPDX-License-Identifier: GPL-2.0
/*
 * deliver: make calls that are recorded, and take the records in the ways there are.
 *
 *	deliver call N		N calls of mlock2() on one page
 *	deliver lines FILE	what a read of FILE gives, without waiting, until it gives no more
 *	deliver records		of the device, by the library: binary, by read()
 *	deliver mapped		likewise, in the mapped ring
 *
 * All but the first print how many lines or records of calls there were. What is taken is
 * counted and dropped.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "../format.c"
#include "../tools/libmlock2mon.c"
#include "promise.h"

#include <sys/syscall.h>

#define PAGE		4096UL
#define ROOM		65536

static int make_calls(unsigned long number)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page != MAP_FAILED, "map memory");
	while (number--)
		need(!syscall(SYS_mlock2, page, PAGE, 0), "mlock2");
	return 0;
}

static unsigned long count_lines(const char *text, size_t len)
{
	const char *end = text + len;
	unsigned long lines = 0;

	while ((text = memchr(text, '\n', end - text))) {
		lines++;
		text++;
	}
	return lines;
}

static unsigned long take_lines(const char *path)
{
	static char text[ROOM];
	unsigned long lines = 0;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	need(fd >= 0, path);
	while ((len = read(fd, text, sizeof(text))) > 0)
		lines += count_lines(text, len);
	need(!len || errno == EAGAIN, path);
	return lines;
}

static unsigned long take_records(unsigned int flags)
{
	struct mlock2mon *reader = mlock2mon_open(NULL, flags);
	struct mlock2mon_record rec;
	unsigned long records = 0;
	int ret;

	need(reader, "open " MLOCK2MON_DEVICE);
	while ((ret = mlock2mon_next(reader, &rec)) > 0)
		records += rec.call == MLOCK2MON_MLOCK2;
	need(!ret, "read " MLOCK2MON_DEVICE);
	mlock2mon_close(reader);
	return records;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "call") && argc == 3)
		return make_calls(strtoul(argv[2], NULL, 10));
	if (!strcmp(way, "lines") && argc == 3)
		printf("%lu\n", take_lines(argv[2]));
	else if (!strcmp(way, "records") && argc == 2)
		printf("%lu\n", take_records(0));
	else if (!strcmp(way, "mapped") && argc == 2)
		printf("%lu\n", take_records(MLOCK2MON_OPEN_MAP));
	else
		return 2;
	return fflush(stdout) ? 2 : 0;
}

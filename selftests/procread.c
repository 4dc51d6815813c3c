// SPDX-License-Identifier: GPL-2.0
/*
 * procread: read a file of /proc in ways that cat does not.
 *
 *	procread same FILE
 *	procread rows FILE SECONDS
 *	procread stale FILE
 *
 * same: with buffers of many sizes, and from any place, FILE reads the same. It
 * must not change meanwhile.
 * rows: read /proc/mlock2mon/tasks over and over; prints `passes N rows N
 * most N duplicate N short N`.
 * stale: read one byte of FILE, print `open`, wait for a line on stdin, read the
 * rest; prints the errno of that, or 0.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "libc.h"
#include "promise.h"

#define MAX_TEXT	(16 << 20)
#define MAX_ROWS	65536
#define COLUMNS		22

static char text[MAX_TEXT];
static char other[MAX_TEXT];

static size_t slurp(int fd, char *buf, size_t chunk)
{
	size_t len = 0;
	ssize_t ret;

	do {
		need(len + chunk <= MAX_TEXT, "keep the file");
		ret = read(fd, buf + len, chunk);
		need(ret >= 0, "read the file");
		len += ret;
	} while (ret);
	return len;
}

static bool same_forward(int fd, size_t len)
{
	static const size_t size[] = { 1, 2, 3, 7, 13, 63, 64, 65, 511, 4095, 4096, 4097, 65536 };
	size_t got;
	size_t i;

	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		need(lseek(fd, 0, SEEK_SET) == 0, "go back to the start");
		got = slurp(fd, other, size[i]);
		if (got == len && !memcmp(text, other, len))
			continue;
		note("%zu bytes in reads of %zu, %zu at once", got, size[i], len);
		return false;
	}
	return true;
}

/* Back and forth, by lseek and by pread, for places in no order. */
static bool same_anywhere(int fd, size_t len)
{
	unsigned int seed = 1;
	size_t at, size, want;
	ssize_t got;
	int i;

	for (i = 0; i < 400; i++) {
		at = rand_r(&seed) % (len + 20);
		size = 1 + rand_r(&seed) % 300;
		want = at >= len ? 0 : len - at < size ? len - at : size;
		if (i & 1) {
			got = pread(fd, other, size, at);
		} else {
			need(lseek(fd, at, SEEK_SET) == (off_t)at, "lseek");
			got = read(fd, other, size);
		}
		/* A read may give less than there is, but not nothing and not else. */
		if (got >= 0 && (size_t)got <= want && (got || !want) &&
		    !memcmp(text + at, other, got))
			continue;
		note("%zd of %zu bytes at %zu of %zu", got, size, at, len);
		return false;
	}
	return true;
}

static int same(const char *file)
{
	int fd = open(file, O_RDONLY);
	size_t len;

	need(fd != -1, "open the file");
	len = slurp(fd, text, sizeof(other) / 4);
	need(len, "find a byte in the file");
	if (!same_forward(fd, len) || !same_anywhere(fd, len))
		return 1;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Split a row; the task's name for ever is its tid with the time of its first call. */
static bool row_key(char *row, char *key, size_t size)
{
	char *field[COLUMNS];
	char *save;
	int n = 0;
	char *p;

	for (p = strtok_r(row, " \t", &save); p; p = strtok_r(NULL, " \t", &save)) {
		if (n == COLUMNS)
			return false;
		field[n++] = p;
	}
	if (n != COLUMNS)
		return false;
	snprintf(key, size, "%s %s", field[1], field[13]);
	return true;
}

static int rows(const char *file, int seconds)
{
	static char key[MAX_ROWS][40];
	unsigned long passes = 0, total = 0, most = 0, duplicate = 0, cut = 0;
	time_t end = time(NULL) + seconds;
	unsigned long n, i;
	char *save;
	char *row;
	size_t len;
	int fd;

	for (; time(NULL) < end; passes++) {
		fd = open(file, O_RDONLY);
		need(fd != -1, "open the file");
		len = slurp(fd, text, passes % 3 ? 65536 : 1000);
		close(fd);
		if (!len || text[len - 1] != '\n')
			cut++;
		text[len] = '\0';
		n = 0;
		row = strtok_r(text, "\n", &save);
		while ((row = strtok_r(NULL, "\n", &save)) && n < MAX_ROWS) {
			if (row_key(row, key[n], sizeof(key[n])))
				n++;
			else
				cut++;
		}
		qsort(key, n, sizeof(key[0]), by_name);
		for (i = 1; i < n; i++)
			duplicate += !strcmp(key[i - 1], key[i]);
		total += n;
		most = n > most ? n : most;
	}
	printf("passes %lu rows %lu most %lu duplicate %lu short %lu\n", passes, total, most,
	       duplicate, cut);
	return duplicate || cut;
}

static int stale(const char *file)
{
	int fd = open(file, O_RDONLY);
	ssize_t ret;
	char c;

	need(fd != -1, "open the file");
	need(read(fd, &c, 1) == 1, "read a byte");
	printf("open\n");
	fflush(stdout);
	need(read(STDIN_FILENO, &c, 1) >= 0, "read stdin");
	do {
		ret = read(fd, text, sizeof(text));
	} while (ret > 0);
	printf("%s\n", ret ? strerrorname_np(errno) : "0");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "same"))
		return same(argv[2]);
	if (!strcmp(what, "rows") && argc > 3)
		return rows(argv[2], atoi(argv[3]));
	if (!strcmp(what, "stale"))
		return stale(argv[2]);
	return 2;
}

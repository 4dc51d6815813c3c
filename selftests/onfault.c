// SPDX-License-Identifier: GPL-2.0
/*
 * onfault: lock so many KiB as they are touched, say what came of it, and stay.
 * Part of `make demo`.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t len = (argc > 1 ? strtoul(argv[1], NULL, 0) : 64) * 1024;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mlock2(p, len, MLOCK_ONFAULT)) {
		perror("onfault: mlock2");
		return 1;
	}
	printf("onfault: %zu KiB are locked, each page from its first use on\n", len / 1024);
	fflush(stdout);
	return pause();
}

// SPDX-License-Identifier: GPL-2.0
/* The file that an option -o names: see outfile.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile.h"

/* Is it what standard output or error is already, as /dev/stdout? Then that, or -1. */
static int open_already(const struct stat *st)
{
	struct stat own;
	int fd;

	for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fstat(fd, &own) && own.st_dev == st->st_dev && own.st_ino == st->st_ino &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
			return fd;
	}
	return -1;
}

/* Follows links, also one to what is not there yet; NULL, and errno, if that cannot be. */
static char *real_path(struct outfile *file, const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? strdup(path) : NULL;
	if (!S_ISLNK(st.st_mode))
		return strdup(path);
	if (stat(path, &st)) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0)
			return NULL;
		close(fd);
		file->made = true;
	}
	return realpath(path, NULL);
}

static int open_beside(struct outfile *file, const char *path)
{
	int fd;

	file->path = real_path(file, path);
	if (!file->path)
		return -1;
	if (asprintf(&file->unfinished, "%s.XXXXXX", file->path) < 0)
		file->unfinished = NULL;
	fd = file->unfinished ? mkostemp(file->unfinished, O_CLOEXEC) : -1;
	if (fd < 0) {
		free(file->path);
		free(file->unfinished);
		*file = (struct outfile){ 0 };
	}
	return fd;
}

/* What any program's files have. */
mode_t outfile_usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/*
 * A descriptor to write to, or -1 and errno. @mode: of a file that is new; one that is
 * replaced keeps its own.
 */
int outfile_open(struct outfile *file, const char *path, mode_t mode)
{
	struct stat st;
	int fd;

	*file = (struct outfile){ .mode = mode };
	if (stat(path, &st))
		return open_beside(file, path);
	fd = open_already(&st);
	if (fd >= 0)
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (!S_ISREG(st.st_mode))
		return open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	file->mode = st.st_mode & 0777;
	return open_beside(file, path);
}

/* Owner and group stay as well, or the group loses what all others may not do. */
static bool set_mode(const struct outfile *file, int fd)
{
	mode_t mode = file->mode;
	struct stat st;

	if (!stat(file->path, &st) && fchown(fd, st.st_uid, st.st_gid))
		mode &= 0707 | (mode & 07) << 3;
	return !fchmod(fd, mode);
}

/* False, and errno, if it did not get its name. @fd stays open. */
bool outfile_close(struct outfile *file, int fd, bool complete)
{
	bool ok = true;
	int error;

	if (file->path) {
		ok = !complete || (set_mode(file, fd) && !rename(file->unfinished, file->path));
		error = errno;
		if (!complete || !ok)
			unlink(file->unfinished);
		if (file->made && !complete)
			unlink(file->path);
		errno = error;
	}
	free(file->path);
	free(file->unfinished);
	*file = (struct outfile){ 0 };
	return ok;
}

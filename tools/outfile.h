/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file that an option -o names. What is to become a file is written beside it, and gets
 * its name when it is complete; what is no regular file is written as it is.
 */
#ifndef TOOLS_OUTFILE_H
#define TOOLS_OUTFILE_H

#include <stdbool.h>
#include <sys/types.h>

struct outfile {
	char	*path;		/* without symbolic links; NULL: it is written as it is */
	char	*unfinished;	/* its name until it is complete */
	mode_t	mode;
	bool	made;		/* @path was not there, and is empty until it is complete */
};

mode_t outfile_usual_mode(void);
int outfile_open(struct outfile *file, const char *path, mode_t mode);
bool outfile_close(struct outfile *file, int fd, bool complete);

#endif

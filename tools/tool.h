/* SPDX-License-Identifier: GPL-2.0 */
/* What the subcommands of mlock2mon share. */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mlock2mon.h"

enum tool_exit {
	TOOL_DONE	= 0,
	TOOL_FAILED	= 1,
	TOOL_MISUSED	= 2,
};

/* A row of the table in mlock2mon.c that drives dispatch, help and default. */
struct command {
	const char	*name;
	const char	*summary;
	const char	*usage;
	int		(*run)(const struct command *self, int argc, char **argv);
};

int events_main(const struct command *self, int argc, char **argv);
int record_main(const struct command *self, int argc, char **argv);
int report_main(const struct command *self, int argc, char **argv);
int explain_main(const struct command *self, int argc, char **argv);
int run_main(const struct command *self, int argc, char **argv);
int doctor_main(const struct command *self, int argc, char **argv);
int metrics_main(const struct command *self, int argc, char **argv);
int top_main(const struct command *self, int argc, char **argv);
int stat_main(const struct command *self, int argc, char **argv);

int tool_help(const struct command *cmd);
int tool_misused(const struct command *cmd);
int tool_cannot_open(const char *path, const char *standard);
bool tool_output_ok(void);
int tool_finish(int status);

void *tool_grow(void *mem, size_t size);

#endif

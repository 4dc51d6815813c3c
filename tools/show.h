/* SPDX-License-Identifier: GPL-2.0 */
/* Records, written in the form that was asked for. */
#ifndef TOOLS_SHOW_H
#define TOOLS_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "origin.h"
#include "out.h"
#include "tracee.h"

/* What getopt_long() gives for options of the form, behind those of choose.h. */
enum show_option {
	SHOW_JSON = 'j',
	SHOW_RAW = 'r',
	SHOW_WALL = 'w',
	SHOW_CSV = 300,
	SHOW_TRACEE,
	SHOW_TRACEE_LEGACY,
	SHOW_PERFETTO,
	SHOW_HTML,
	SHOW_COLOR,
	SHOW_END
};

struct capture_header;
struct show;

/* All of these may be NULL but @record. */
struct show_form {
	int	option;		/* enum show_option, 0: what is shown without one */
	bool	binary;		/* not for a terminal */
	void	(*begin)(struct show *show);
	/* All records are looked at once before they are shown. */
	void	(*survey)(struct show *show, const struct mlock2mon_record *rec);
	void	(*record)(struct show *show, const struct mlock2mon_record *rec);
	void	(*end)(struct show *show);
};

struct show {
	const struct show_form		*form;
	int				colour;		/* enum show_colour */
	const char			*of_text;	/* an option that was given, or NULL */
	struct event_view		view;
	struct tracee_world		world;
	const struct capture_header	*header;	/* of a recording, or NULL */
	uint64_t			since;		/* older ones are left out */
	uint64_t			records;	/* that were shown */
	uint64_t			lost;
	uint64_t			gaps;
	uint64_t			hidden;		/* that have no place in the form */
	uint64_t			repeats;	/* calls that share a line with another */
	struct origins			origins;
	struct out			out;
};

void show_init(struct show *show, FILE *file);
bool show_choose(struct show *show, int option, const char *argument);
bool show_options_fit(const struct show *show);
void show_begin(struct show *show);
void show_record(struct show *show, const struct mlock2mon_record *rec);
void show_flush(struct show *show);
void show_end(struct show *show);
void show_tell(const struct show *show);

bool show_is_text(const struct show *show);
bool show_is_json(const struct show *show);
bool show_takes_lines(const struct show *show);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* One record, written for programs or for people. */
#ifndef TOOLS_EVENT_H
#define TOOLS_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"

/* How people want to see records. */
struct event_view {
	bool	colour;
	bool	wall;		/* local wall clock, else time since boot */
	int64_t	wall_offset_ns;	/* CLOCK_REALTIME less CLOCK_BOOTTIME */
};

/* The reason behind a token of why=, in words; NULL for an unknown token. */
const char *why_words(struct span call, struct span token);

void event_json(FILE *out, const struct record *rec);
void event_json_unknown(FILE *out, struct span line);

void event_text_header(FILE *out, const struct event_view *view);
void event_text(FILE *out, const struct record *rec, const struct event_view *view);
/* What became of the locked memory, or the reason: the last column alone. */
void event_what(FILE *out, const struct record *rec, const struct event_view *view);
void event_text_unknown(FILE *out, struct span line);

#endif
